/* Opening the journal, and going to where reading begins. */
#pragma once

#include <time.h>

#include "source/journal/duplicates.h"
#include "source/journal/gap.h"
#include "source/journal/new_files.h"
#include "source/journal/orphan.h"
#include "source/journal/pass.h"
#include "source/journal/roots.h"
#include "source/journal/skipped.h"
#include "source/source.h"

#define JOURNAL_ATTEMPTS 20 /* to open files that are cut meanwhile, in a row */

/* What wakes who follows the journal. */
struct journal_wait {
	int epoll_fd; /* of the descriptors of the journal, roots and hint; -1: none */
	int hint_fd;  /* connection_hint_open(); orphans are watched by it too; negative: none */
	struct journal_roots roots;
	uint64_t poll_until_usec; /* poll often until then; CLOCK_MONOTONIC */
};

/* The record that next() returned last. */
struct journal_record {
	struct gap gap;		    /* kind GAP_NONE: it is an entry */
	struct cursor_reader *side; /* an orphan's or a new file's; NULL: it is the journal's */
	struct orphan *orphan;	    /* side is its reader */
	struct buffer details, position, identity;
};

struct journal {
	struct source source;
	char *directory; /* NULL: this machine's journal, or paths */
	char **paths;	 /* of journal_open_files(), NULL-terminated, in one allocation; or NULL */
	uint64_t until_usec;
	bool follow;
	uint64_t (*clock)(clockid_t id);

	struct cursor_reader reader;
	struct boot_pass pass;
	struct duplicates duplicates; /* in files of one host */
	struct live live;	      /* of this machine's journal, if that is followed */
	struct orphans orphans;
	struct new_files new_files;
	struct skipped skipped;
	struct journal_wait wait;
	struct journal_record record;

	bool ended;		/* until_usec was reached */
	uint64_t looked_usec;	/* when sd_journal looked for files last; CLOCK_REALTIME */
	uint64_t n_entries;	/* read since the journal was opened */
	unsigned since_process; /* entries since sd_journal_process(3) */
	unsigned attempts;	/* to open it, since an entry was read */
};

static inline bool journal_is_local(const struct journal *s)
{
	return !s->directory && !s->paths;
}

/* A journal that is not open; NULL: out of memory. The caller sets directory or paths. */
struct journal *journal_new(const struct source_ops *ops, const struct source_options *options);

/* NULL is fine. */
void journal_free(struct journal *s);

/*
 * Opens it, and goes to where the options say. 0; SOURCE_E_UNREADABLE, SOURCE_E_POSITION, -errno of
 * sd_journal_open(3) and its kin, each with *err set.
 */
int journal_begin(struct journal *s, const struct source_options *options, const char *name,
		  struct error *err);

/*
 * Closes and opens it, at no place yet: after an error, or to unmap old files after a catch-up.
 * -errno.
 */
int journal_reopen(struct journal *s);

/* The same, and continues at the place of the current pass. -errno; -EIO: too often in a row. */
int journal_resume(struct journal *s);
