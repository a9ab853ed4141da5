/* The log file under its own name: what the path names, and what is watched for a change of that.
 */
#pragma once

#include "base/error.h"
#include "source/logfile/segments.h"

struct path {
	char *name, *dir; /* owned; absolute; NULL for standard input */
	const char *base; /* in name */
	struct watch watch;
	uint64_t looked_usec;  /* when it was last examined, with the files beside it */
	uint64_t missing_usec; /* since when it names no file; 0: it does */
	bool missing_reported;
};

/* What a path names at one time; ino 0: no file. */
struct path_state {
	uint64_t dev, ino;
	struct file_head head;
};

/* @name may be relative. -errno. path_done() is called in all cases. */
int path_init(struct path *path, const char *name, bool follow, uint64_t now_usec);
void path_done(struct path *path);

/* Opens the file. -errno, with *err set if @err is not NULL. */
int path_open(const struct path *path, struct open_file *ret, struct error *err);

void path_look(const struct path *path, struct path_state *ret);

/*
 * If @segment is the file of @state, it begins as it did then: rotations were compared with that,
 * and a later beginning could hide a copy.
 */
void path_set_head(const struct path_state *state, struct segment *segment);

/* Whether it names the open file @fd. */
bool path_names(const struct path *path, int fd);

/*
 * Opens the file of @fd again, under the same number, if the path still names it. A network file
 * system updates what is known of an open file when one is opened. Some FUSE file systems reuse
 * the inode number of a replaced file at once; its beginning then shows the difference.
 */
void path_reopen(const struct path *path, int fd);

/*
 * If the path is a link: the directory of its target, which the caller frees ("": the root), and
 * the target's name, which lies in the same memory. Else both are NULL.
 */
void path_link(const struct path *path, char **ret_dir, const char **ret_base);

/* Records that the path names no file, of path_open()'s @code and @err; after a minute, as a gap.
 */
void path_note_missing(struct path *path, struct segments *s, int code, const struct error *err);
void path_note_found(struct path *path);

/* When path_note_missing() adds its gap; as segments_now(). UINT64_MAX: not. */
uint64_t path_missing_due(const struct path *path);
