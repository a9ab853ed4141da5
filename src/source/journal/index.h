/* Whether the index of a journal file can be believed. */
#pragma once

/*
 * Whether what the first entry of the file holds is found again by matches: 1; 0: it is not, or
 * there is none where the head tells of some; -ENODATA: it has no entries yet; -errno where it
 * cannot be opened.
 */
int journal_index_check(const char *path);
