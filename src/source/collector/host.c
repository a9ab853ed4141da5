/*
 * sd_journal opens all of a list of files or none, and a file that was just made is not complete.
 * So if a host does not open, its files are tried one by one, and it is opened without those that
 * fail. They are tried again, and what fails for some seconds is reported as a gap, since it may
 * contain logins.
 */
#include "source/collector/host.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/timetext.h"
#include "source/collector/names.h"
#include "source/collector/text.h"
#include "source/journal/cursor.h"
#include "source/journal/ops.h"
#include "source/journal/sigbus.h"

#define DETAIL_MAX	  ((size_t)16384) /* bytes, with the journal's text */
#define HOST_SHOWN	  255		  /* bytes of the name that the host calls itself */
#define RETRY_MIN_USEC	  (USEC_PER_SEC / 4)
#define RETRY_MAX_USEC	  (5 * USEC_PER_MIN)
#define REPORT_AFTER_USEC (3 * USEC_PER_SEC)

/* ---- files ---- */

struct host *host_free(struct host *h)
{
	if (!h)
		return NULL;
	host_close(h);
	for (size_t i = 0; i < h->n_files; i++)
		free(h->files[i]);
	free(h->files);
	free(h->name);
	free(h->hostname);
	free(h->bad.file);
	buffer_done(&h->place);
	free(h);
	return NULL;
}

struct host *host_new(const char *name, struct slice stem)
{
	struct host *h = calloc(1, sizeof(*h));
	bool named = collector_name_is_host(stem);

	if (!h)
		return NULL;
	h->place.max = JOURNAL_POSITION_MAX;
	h->record.text.max = h->record.position.max = h->record.identity.max = DETAIL_MAX;
	h->name = strdup(name);
	h->hostname = named ? collector_name_host(stem) : NULL;
	return h->name && (h->hostname || !named) ? h : host_free(h);
}

static size_t find_file(const struct host *h, const char *path)
{
	size_t i = 0;

	while (i < h->n_files && strcmp(h->files[i], path) != 0)
		i++;
	return i;
}

int host_add_file(struct host *h, const char *path)
{
	char **files, *copy;

	h->unread = h->changed = true;
	if (find_file(h, path) < h->n_files)
		return 0;
	files = reallocarray(h->files, h->n_files + 2, sizeof(*files));
	if (!files)
		return -ENOMEM;
	h->files = files;
	copy = strdup(path);
	files[h->n_files] = copy;
	if (!copy)
		return -ENOMEM;
	files[++h->n_files] = NULL;
	return 0;
}

void host_remove_file(struct host *h, const char *path)
{
	size_t i = find_file(h, path);

	if (i == h->n_files)
		return;
	free(h->files[i]);
	memmove(h->files + i, h->files + i + 1, (h->n_files - i) * sizeof(*h->files));
	h->n_files--;
	h->changed = true;
	if (h->source)
		h->unread = true; /* it can still be read if it is open, and is closed then */
	else if (h->unread)
		h->lost = true;
}

/* ---- opening ---- */

static int open_files(struct host *h, char *const *files, const struct source_options *options,
		      struct source **ret)
{
	struct error ignored = {0};
	enum journal_gaps gaps = h->lost ? JOURNAL_GAPS_REPORTED : JOURNAL_GAPS_KNOWN;
	int r = journal_open_files((const char *const *)files, options, gaps, ret, &ignored);

	return r > 0 ? -EINVAL : r;
}

static void note_bad(struct host *h, const char *file, int error)
{
	free(h->bad.file);
	h->bad.file = strdup(file); /* NULL: host_details() has the host's name */
	h->bad.error = -error;
}

/* Opens the files that can be opened, and notes one that cannot. */
static int open_some(struct host *h, const struct source_options *options)
{
	AUTO_FREE char **good = calloc(h->n_files + 1, sizeof(*good));
	size_t n = 0;

	if (!good)
		return -ENOMEM;
	for (size_t i = 0; i < h->n_files; i++) {
		struct source_options any = {.programs = options->programs};
		char *one[] = {h->files[i], NULL};
		struct source *source = NULL;
		int r = open_files(h, one, &any, &source);

		(void)source_free(source);
		if (r == 0)
			good[n++] = h->files[i];
		else if (r != -ENOENT) {
			note_bad(h, h->files[i], r);
			h->bad.partial = true;
		}
	}
	return n > 0 ? open_files(h, good, options, &h->source) : 0;
}

void host_open(struct host *h, const struct source_options *options,
	       const struct source_options *begin)
{
	struct source_options o = begin ? *begin : *options;
	int r;

	o.follow = false;
	if (!begin) {
		o.resume = h->place.len > 0 ? buffer_cstr(&h->place) : NULL;
		o.since_usec = h->place.len > 0 ? 0 : h->since_usec;
		o.from_end = false;
	}
	h->changed = h->bad.partial = false;
	if (h->n_files == 0)
		return;
	r = open_files(h, h->files, &o, &h->source);
	if (r < 0)
		r = open_some(h, &o);
	if (r < 0) {
		note_bad(h, h->name, r);
		h->bad.partial = true;
	}
}

void host_close(struct host *h)
{
	h->source = source_free(h->source);
	buffer_done(&h->record.text);
	buffer_done(&h->record.position);
	buffer_done(&h->record.identity);
}

void host_failed(struct host *h, int error, bool follow, uint64_t now_usec)
{
	uint64_t pause = RETRY_MIN_USEC << (h->bad.failures < 12 ? h->bad.failures : 12);

	if (!h->bad.partial)
		note_bad(h, h->n_files > 0 ? h->files[h->n_files - 1] : h->name, error);
	host_close(h);
	if (h->bad.failures++ == 0)
		h->bad.since_usec = now_usec;
	h->bad.retry_usec = now_usec + (pause < RETRY_MAX_USEC ? pause : RETRY_MAX_USEC);
	if (!h->bad.reported && (!follow || now_usec - h->bad.since_usec >= REPORT_AFTER_USEC))
		h->bad.due = true;
}

void host_succeeded(struct host *h)
{
	h->bad.failures = 0;
	h->bad.retry_usec = 0;
	h->bad.due = h->bad.reported = false;
}

/* ---- reading ---- */

/* A SIGBUS that the journal's source did not recover from: its mappings are not valid. */
static int check_sigbus(int r)
{
	if (!journal_sigbus_seen())
		return r;
	journal_sigbus_forget();
	return -EIO;
}

int host_next(struct host *h, struct record *ret)
{
	int r;

	h->record.bad = false;
	if (h->bad.due) {
		h->bad.due = false;
		h->bad.reported = h->record.bad = true;
		*ret = (struct record){.kind = RECORD_GAP};
		return 1;
	}
	if (!h->source)
		return 0;
	r = check_sigbus(source_next(h->source, ret));
	if (r >= 0)
		h->lost = false; /* a gap came before */
	return r;
}

int host_note_place(struct host *h)
{
	struct slice place;
	int r;

	if (!h->source)
		return 0;
	r = check_sigbus(source_position(h->source, 0, &place));
	if (r < 0)
		return r;
	buffer_clear(&h->place);
	return buffer_append_slice(&h->place, place);
}

int host_format(const struct host *h, struct buffer *ret)
{
	struct journal_position p = {.time_usec = h->since_usec, .until_usec = h->since_usec};
	struct buffer since AUTO_BUFFER = BUFFER_INIT(256);
	int r;

	if (h->place.len > 0 || !h->since_usec)
		return collector_text_format_host(h->name, buffer_slice(&h->place), ret);
	r = journal_position_format(&p, 0, &since);
	return r < 0 ? r : collector_text_format_host(h->name, buffer_slice(&since), ret);
}

/* Whether the host calls itself by its files' name, or by the first label of that. */
static bool same_host(struct slice own, const char *host)
{
	return (own.n == strlen(host) || own.n == strcspn(host, ".")) &&
	       strncasecmp(own.p, host, own.n) == 0;
}

static int set_host(struct host *h, struct record *r)
{
	struct slice own = r->host;
	int k;

	if (!h->hostname)
		return 0;
	buffer_clear(&h->record.text);
	k = buffer_printf(&h->record.text, "journal, as reported by %s", h->hostname);
	if (k == 0 && own.n > 0 && !same_host(own, h->hostname))
		k = buffer_printf(&h->record.text, ", which calls itself %.*s",
				  (int)(own.n < HOST_SHOWN ? own.n : HOST_SHOWN), own.p);
	r->host = slice_of(h->hostname);
	r->source = buffer_slice(&h->record.text);
	return k;
}

static int details_of_bad(struct host *h, struct record *r)
{
	const char *file = h->bad.file ? h->bad.file : h->name;
	int k;

	buffer_clear(&h->record.text);
	buffer_clear(&h->record.identity);
	k = buffer_printf(&h->record.text, "%s cannot be read (%s): logins in it are not known",
			  file, strerror(h->bad.error));
	if (k == 0)
		k = buffer_printf(&h->record.identity, "%s unreadable %s", h->name, file);
	r->host = slice_of(h->hostname);
	r->source = SLICE_LITERAL("journal");
	r->trusted = r->authenticated = true;
	r->reason = buffer_slice(&h->record.text);
	r->identity = r->position = buffer_slice(&h->record.identity);
	return k;
}

int host_details(struct host *h, struct record *r)
{
	int k;

	if (h->record.bad)
		return details_of_bad(h, r);
	k = check_sigbus(source_details(h->source, r));
	if (k == 0)
		k = set_host(h, r);
	buffer_clear(&h->record.position);
	buffer_clear(&h->record.identity);
	if (k == 0)
		k = collector_text_format_record(h->name, r->position, &h->record.position);
	if (k == 0)
		k = buffer_printf(&h->record.identity, "%s %.*s", h->name, (int)r->identity.n,
				  r->identity.p);
	r->position = buffer_slice(&h->record.position);
	r->identity = buffer_slice(&h->record.identity);
	return k;
}
