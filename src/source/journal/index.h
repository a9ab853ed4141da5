/* Whether the index of a journal file is whole. */
#pragma once

/*
 * Whether the fields of the file's first entry are found by matches: 1; 0: they are not, or there
 * is no entry although the header counts some; -ENODATA: it has no entries yet; -errno: it cannot
 * be opened.
 */
int journal_index_check(const char *path);
