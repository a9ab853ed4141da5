/*
 * The last good configuration: a copy of the files that a program was configured by, from which it
 * starts if those have a fault, and what that fault is.
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "store/state.h"

#define LAST_GOOD_MAX ((size_t)1 << 20) /* bytes of all files, as they are stored */

enum last_good_kind {
	LAST_GOOD_FOR,	     /* a path that the configuration is looked for at; has no text */
	LAST_GOOD_CONFIG,    /* a configuration file */
	LAST_GOOD_WHITELIST, /* added after all of the others */
};

struct last_good {
	struct buffer files;
	size_t n_for, n_config; /* bytes of @files up to the end of each kind */
	bool too_large;		/* no file was copied */
	uint64_t since_usec;	/* CLOCK_REALTIME: when it was first stored */
	char fault[900];	/* why newer files are not in force; "": they are */
};

void last_good_init(struct last_good *g);
void last_good_done(struct last_good *g);
#define AUTO_LAST_GOOD CLEANUP(last_good_done)

/* Adds a file. Beyond LAST_GOOD_MAX the copy becomes too large, and stays so. -ENOMEM. */
int last_good_add(struct last_good *g, enum last_good_kind kind, const char *path,
		  struct slice text);

/* Initializes @ret as a copy of @g without whitelists and fault. -ENOMEM. */
int last_good_config(const struct last_good *g, struct last_good *ret);

/* What last_good_each() calls for each file. Not 0 ends it. */
typedef int (*last_good_file)(void *userdata, const char *path, struct slice text);

/* The files of a kind, in the order in which they were added. What @each returned; -ENOMEM. */
int last_good_each(const struct last_good *g, enum last_good_kind kind, last_good_file each,
		   void *userdata);

enum last_good_e {
	LAST_GOOD_E_NONE = 1,
	LAST_GOOD_E_DAMAGED = 2, /* or not a regular file */
};

/*
 * Loads the copy of a part of the state, which is open as @dirfd, into @ret, which is initialized.
 * 0; LAST_GOOD_E_*; -errno.
 */
int last_good_load(int dirfd, enum state_part part, struct last_good *ret);

/*
 * The files have the fault @why: replaces what was added to @g by the copy in the state directory
 * @state (NULL: the default), with that fault. 0; LAST_GOOD_E_NONE also if the copy is for other
 * paths than @g, or was too large; LAST_GOOD_E_DAMAGED; -errno. Then @g is unchanged.
 */
int last_good_recover(const char *state, enum state_part part, const struct error *why,
		      struct last_good *g);

/*
 * Stores @g, which is in force, durably, unless it is stored; sets since_usec. The sender's copy
 * can be read by its user alone. -errno; the old copy then remains.
 */
int last_good_save(int dirfd, enum state_part part, struct last_good *g, uint64_t now_usec);
