/*
 * sd_journal opens all of a list of files or none, and a file is not whole in the moment that it
 * is made. So when a lane does not open, its files are tried one by one, and the lane is opened
 * without those that fail. They are tried again, and only what fails for some seconds is told: as a
 * gap, since logins may be in it.
 */
#include "source/collector/host.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/timetext.h"
#include "source/collector/names.h"
#include "source/collector/text.h"
#include "source/journal/ops.h"
#include "source/journal/sigbus.h"

#define PLACE_MAX	((size_t)12288) /* as the journal's positions */
#define DETAIL_MAX	((size_t)16384) /* of what is put around the journal's texts */
#define HOST_SHOWN	255		/* bytes of what a host calls itself */
#define RETRY_MIN_USEC	(USEC_PER_SEC / 4)
#define RETRY_MAX_USEC	(5 * USEC_PER_MIN)
#define TELL_AFTER_USEC (3 * USEC_PER_SEC)

/* ---- files ---- */

struct lane *lane_free(struct lane *l)
{
	if (!l)
		return NULL;
	lane_close(l);
	for (size_t i = 0; i < l->n_files; i++)
		free(l->files[i]);
	free(l->files);
	free(l->name);
	free(l->host);
	free(l->bad_file);
	buffer_done(&l->place);
	free(l);
	return NULL;
}

static char *host_of(struct slice stem)
{
	struct buffer host AUTO_BUFFER = BUFFER_INIT(LANE_NAME_MAX);

	if (collection_name_host(stem, &host) < 0 || !buffer_cstr(&host))
		return NULL;
	return STEAL_PTR(host.data);
}

struct lane *lane_new(const char *name, struct slice stem)
{
	struct lane *l = calloc(1, sizeof(*l));
	bool named = collection_name_is_host(stem);

	if (!l)
		return NULL;
	l->place.max = PLACE_MAX;
	l->text.max = l->position.max = l->identity.max = DETAIL_MAX;
	l->name = strdup(name);
	l->host = named ? host_of(stem) : NULL;
	return l->name && (l->host || !named) ? l : lane_free(l);
}

static size_t find_file(const struct lane *l, const char *path)
{
	size_t i = 0;

	while (i < l->n_files && strcmp(l->files[i], path) != 0)
		i++;
	return i;
}

int lane_add_file(struct lane *l, const char *path)
{
	char **files, *copy;

	l->unread = l->changed = true;
	if (find_file(l, path) < l->n_files)
		return 0;
	files = reallocarray(l->files, l->n_files + 2, sizeof(*files));
	if (!files)
		return -ENOMEM;
	l->files = files;
	copy = strdup(path);
	files[l->n_files] = copy;
	if (!copy)
		return -ENOMEM;
	files[++l->n_files] = NULL;
	return 0;
}

void lane_remove_file(struct lane *l, const char *path)
{
	size_t i = find_file(l, path);

	if (i == l->n_files)
		return;
	free(l->files[i]);
	memmove(l->files + i, l->files + i + 1, (l->n_files - i) * sizeof(*l->files));
	l->n_files--;
	l->changed = true;
	if (l->source)
		l->unread = true; /* what is open can still be read, and is then to be closed */
	else if (l->unread)
		l->lost = true;
}

/* ---- opening ---- */

static int open_files(struct lane *l, char *const *files, const struct source_options *options,
		      struct source **ret)
{
	struct error ignored = {0};
	enum journal_gaps gaps = l->lost ? JOURNAL_GAPS_REPORTED : JOURNAL_GAPS_KNOWN;
	int r = journal_open_files((const char *const *)files, options, gaps, ret, &ignored);

	return r > 0 ? -EINVAL : r;
}

static void note_bad(struct lane *l, const char *file, int error)
{
	free(l->bad_file);
	l->bad_file = strdup(file); /* without memory it has no name */
	l->bad_error = -error;
}

/* Opens those files that can be, and notes one that cannot. */
static int open_some(struct lane *l, const struct source_options *options)
{
	AUTO_FREE char **good = calloc(l->n_files + 1, sizeof(*good));
	size_t n = 0;

	if (!good)
		return -ENOMEM;
	for (size_t i = 0; i < l->n_files; i++) {
		struct source_options any = {.programs = options->programs};
		char *one[] = {l->files[i], NULL};
		struct source *source = NULL;
		int r = open_files(l, one, &any, &source);

		(void)source_free(source);
		if (r == 0)
			good[n++] = l->files[i];
		else if (r != -ENOENT) {
			note_bad(l, l->files[i], r);
			l->partial = true;
		}
	}
	return n > 0 ? open_files(l, good, options, &l->source) : 0;
}

void lane_open(struct lane *l, const struct source_options *options,
	       const struct source_options *begin)
{
	struct source_options o = begin ? *begin : *options;
	int r;

	o.follow = false;
	if (!begin) {
		o.resume = l->place.len > 0 ? buffer_cstr(&l->place) : NULL;
		o.since_usec = l->place.len > 0 ? 0 : l->since_usec;
		o.from_end = false;
	}
	l->changed = l->partial = false;
	if (l->n_files == 0)
		return;
	r = open_files(l, l->files, &o, &l->source);
	if (r < 0)
		r = open_some(l, &o);
	if (r < 0) {
		note_bad(l, l->name, r);
		l->partial = true;
	}
}

void lane_close(struct lane *l)
{
	l->source = source_free(l->source);
	buffer_done(&l->text);
	buffer_done(&l->position);
	buffer_done(&l->identity);
}

void lane_failed(struct lane *l, int error, bool follow, uint64_t now_usec)
{
	uint64_t pause = RETRY_MIN_USEC << (l->failures < 12 ? l->failures : 12);

	if (!l->partial)
		note_bad(l, l->n_files > 0 ? l->files[l->n_files - 1] : l->name, error);
	lane_close(l);
	if (l->failures++ == 0)
		l->failing_since_usec = now_usec;
	l->retry_usec = now_usec + (pause < RETRY_MAX_USEC ? pause : RETRY_MAX_USEC);
	if (!l->bad_told && (!follow || now_usec - l->failing_since_usec >= TELL_AFTER_USEC))
		l->bad_due = true;
}

void lane_succeeded(struct lane *l)
{
	l->failures = 0;
	l->retry_usec = 0;
	l->bad_due = l->bad_told = false;
}

/* ---- reading ---- */

/* A fault that the journal has not got over itself: its mappings are not to be believed. */
static int check_fault(int r)
{
	if (!journal_sigbus_seen())
		return r;
	journal_sigbus_forget();
	return -EIO;
}

int lane_next(struct lane *l, struct record *ret)
{
	int r;

	l->in_bad = false;
	if (l->bad_due) {
		l->bad_due = false;
		l->bad_told = l->in_bad = true;
		*ret = (struct record){.kind = RECORD_GAP};
		return 1;
	}
	if (!l->source)
		return 0;
	r = check_fault(source_next(l->source, ret));
	if (r >= 0)
		l->lost = false; /* a gap is given first */
	return r;
}

int lane_note_place(struct lane *l)
{
	struct slice place;
	int r;

	if (!l->source)
		return 0;
	r = check_fault(source_position(l->source, 0, &place));
	if (r < 0)
		return r;
	buffer_clear(&l->place);
	return buffer_append_slice(&l->place, place);
}

/* Whether the host calls itself by the name of its files, whole or its first label. */
static bool same_host(struct slice own, const char *host)
{
	return (own.n == strlen(host) || own.n == strcspn(host, ".")) &&
	       strncasecmp(own.p, host, own.n) == 0;
}

static int say_who(struct lane *l, struct record *r)
{
	struct slice own = r->host;
	int k;

	if (!l->host)
		return 0;
	buffer_clear(&l->text);
	k = buffer_printf(&l->text, "journal, as reported by %s", l->host);
	if (k == 0 && own.n > 0 && !same_host(own, l->host))
		k = buffer_printf(&l->text, ", which calls itself %.*s",
				  (int)(own.n < HOST_SHOWN ? own.n : HOST_SHOWN), own.p);
	r->host = slice_of(l->host);
	r->source = buffer_slice(&l->text);
	return k;
}

static int details_of_bad(struct lane *l, struct record *r)
{
	const char *file = l->bad_file ? l->bad_file : l->name;
	int k;

	buffer_clear(&l->text);
	buffer_clear(&l->identity);
	k = buffer_printf(&l->text, "%s cannot be read (%s): logins in it are not known", file,
			  strerror(l->bad_error));
	if (k == 0)
		k = buffer_printf(&l->identity, "%s unreadable %s", l->name, file);
	r->host = slice_of(l->host);
	r->source = SLICE_LITERAL("journal");
	r->trusted = r->authenticated = true;
	r->reason = buffer_slice(&l->text);
	r->identity = r->position = buffer_slice(&l->identity);
	return k;
}

int lane_details(struct lane *l, struct record *r)
{
	int k;

	if (l->in_bad)
		return details_of_bad(l, r);
	k = check_fault(source_details(l->source, r));
	if (k == 0)
		k = say_who(l, r);
	buffer_clear(&l->position);
	buffer_clear(&l->identity);
	if (k == 0)
		k = collection_position_format_lane(l->name, r->position, &l->position);
	if (k == 0)
		k = buffer_printf(&l->identity, "%s %.*s", l->name, (int)r->identity.n,
				  r->identity.p);
	r->position = buffer_slice(&l->position);
	r->identity = buffer_slice(&l->identity);
	return k;
}
