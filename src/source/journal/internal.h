/* What the parts of the journal's source share: its state, opening, and the passes over it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "source/journal/boots.h"
#include "source/journal/cursor.h"
#include "source/journal/live.h"
#include "source/journal/roots.h"
#include "source/journal/skipped.h"
#include "source/source.h"

struct sd_journal;

/* What is known of entries that one sender sent twice. */
struct journal_repeats {
	struct sd_journal *j; /* to look them up; NULL: not open */
	char boot[33];	      /* of the last entry that could be a login; "": none was read */
	uint64_t usec;	      /* the latest in that boot, CLOCK_MONOTONIC of the sender */
	bool within;	      /* the last one was a repeat */
};

struct journal {
	struct source source;
	struct sd_journal *j;
	char *directory; /* NULL: this machine's journal, or paths */
	char **paths;	 /* of journal_open_files(), NULL-terminated, in one allocation; or NULL */
	const char *const *programs;
	uint64_t until_usec;
	bool follow;

	bool pending; /* the entry that a seek ended on is the next one */
	bool ended;   /* until_usec was reached */
	bool gap;     /* a RECORD_GAP is the next record */
	uint64_t gap_from_usec, gap_to_usec;
	struct left_out left_out; /* the gap that was given is of it; path "": it is not */
	struct left_out_told left_out_told;
	struct journal_active active;	/* of this machine's journal, where that is followed */
	struct taken_file *taken;	/* what was given is of it; NULL: it is not */
	struct journal_repeats repeats; /* in the files of one sender */
	bool taken_away;		/* the gap that was given is that it was taken away */
	bool missing;	      /* the gap that was given is that journald writes to no file */
	uint64_t looked_usec; /* when files were looked for last; CLOCK_REALTIME */
	uint64_t begin_usec, end_usec; /* what the journal holds, for progress() */
	uint64_t gone_over;	       /* entries since the journal was opened */
	uint64_t since_usec;	       /* where reading began, while no entry was read */
	unsigned again;		       /* times in a row that it had to be opened anew */
	unsigned since_process;	       /* entries since process() was called */

	int epoll_fd; /* of what wait_fd() gives: journal, roots and connections; -1: none */
	struct journal_roots roots;
	int connection_fd;	  /* connection_watch(); -1: none */
	uint64_t look_until_usec; /* look often until then; CLOCK_MONOTONIC */

	/*
	 * The place that positions tell of. While boots are read apart (next_pass()), it stays
	 * before them, and the place in their boot is apart_last.
	 */
	struct journal_position last, apart_last;
	struct journal_boots boots, apart; /* in the journal; those to be read apart */
	size_t at_apart;		   /* apart.n: the main pass */
	uint64_t main_entries;		   /* entries of the main pass */
	struct buffer boots_text;	   /* what last.boots is a part of */

	struct buffer details, position, identity;
};

static inline bool journal_is_local(const struct journal *s)
{
	return !s->directory && !s->paths;
}

static inline bool journal_reads_apart(const struct journal *s)
{
	return s->at_apart < s->apart.n;
}

static inline struct journal_position *journal_place(struct journal *s)
{
	return journal_reads_apart(s) ? &s->apart_last : &s->last;
}

/* ---- journal_open.c ---- */

/* CLOCK_REALTIME; CLOCK_MONOTONIC. */
uint64_t journal_now_usec(void);
uint64_t journal_steady_usec(void);

/* Opens, or opens anew, at no place yet. -errno. */
int journal_open_again(struct journal *s);

/* Gives @j the matches of the pass that is read now. -errno. */
int journal_add_matches(const struct journal *s, struct sd_journal *j);

/* The place becomes that of the current entry. -errno, as where there is none. */
int journal_remember_current(struct journal *s);

/* @place becomes that of the current entry of @j. -errno, as where there is none. */
int journal_remember(struct sd_journal *j, struct journal_position *place);

/* Goes behind the place. -errno. */
int journal_go_to_place(struct journal *s);

/* ---- journal_repeat.c ---- */

/*
 * Whether an entry of one sender, the current one, lies in its files once more before: 1, 0,
 * -errno. Where it is 0, @data is its message.
 */
int journal_find_repeat(struct journal *s, const void **data, size_t *size);
void journal_repeats_forget(struct journal_repeats *rs);

/* ---- journal_pass.c ---- */

/* Notes which boots there are, for positions. -errno. */
int journal_note_boots(struct journal *s);

/* Finds the boots that are to be read apart. Moves the place and the matches. -errno. */
int journal_find_apart(struct journal *s);

/* Takes the matches of the pass that begins, and goes to where it does. -errno. */
int journal_begin_pass(struct journal *s);

/* The end of a pass was reached: 1 if another one begins, 0 if it was the last, -errno. */
int journal_next_pass(struct journal *s);

/* ---- journal_taken.c ---- */

/* Whether it is still to be told that a file was taken away: then s->taken is set. */
bool journal_taken_untold(struct journal *s);

/* The next entry of files that were taken away: 1 and s->taken is set; 0 where there is none now.
 */
int journal_taken_next(struct journal *s);

/* That s->taken was taken away, into s->identity and s->details. -errno. */
int journal_taken_identify(struct journal *s);
int journal_taken_describe(struct journal *s);

/* ---- journal.c ---- */

extern const struct source_ops journal_ops;
