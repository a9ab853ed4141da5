/*
 * Lines become records here. A line that says how often the one before it was repeated becomes a
 * record of that one.
 *
 * A line may lack its end, with the next one directly after it. A crash leaves NULs between them. A
 * full disk cuts the first one at the end of a page, so a header that begins there is one. Anywhere
 * else it is a part of the message, such as an invented user name.
 */
#include "source/logfile/ops.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "base/timetext.h"
#include "source/logfile/follow.h"
#include "text/syslog_line.h"

#define PAGE 4096 /* bytes; larger pages end at multiples of it too */

struct logfile {
	struct source source; /* first: the ops receive it */
	struct source_options options;
	struct follow follow;

	/* The record that next() returned. */
	struct line line;
	struct syslog_line said;

	bool ended;		   /* by until_usec: line is the first after it */
	struct syslog_clock clock; /* for times without a year, ... */
	uint64_t clock_reads;	   /* ... as of this read */
	struct buffer login;	   /* the last line returned, if the next may repeat it */
	uint64_t login_end;	   /* its end_offset, ... */
	unsigned login_in;	   /* ... in this segment, as segments.begun */
	struct buffer position, identity, name;
};

/* Whether a line is a record of one of the programs. */
static bool understand(struct logfile *f, struct slice line)
{
	if (f->clock_reads != f->follow.segments.lines.reads) {
		f->clock_reads = f->follow.segments.lines.reads;
		f->clock = (struct syslog_clock){
			.now_usec = segments_written_usec(&f->follow.segments)};
	}
	return syslog_line_read(line, f->options.programs, &f->clock, &f->said) == 0;
}

/* The same of what follows a line that a full disk cut off. */
static bool understand_torn(struct logfile *f, struct slice line)
{
	size_t needle = (size_t)(f->line.needle - line.p);

	for (size_t at = PAGE - f->line.offset % PAGE; at < needle; at += PAGE)
		if (understand(f, slice_from(line, at)) && f->said.header.program.p &&
		    f->said.header.realtime_usec > 0)
			return true;
	return false;
}

static bool understand_line(struct logfile *f)
{
	struct slice text = f->line.text;
	const char *nul;

	if (!f->line.needle)
		return false;
	if (understand(f, text))
		return true;
	nul = memrchr(text.p, '\0', (size_t)(f->line.needle - text.p));
	return (nul && understand(f, slice_from(text, (size_t)(nul + 1 - text.p)))) ||
	       understand_torn(f, text);
}

/*
 * Whether a record's time is within the bounds, or unknown. A time of whole seconds means all of
 * its second: the login may have been at its end.
 */
static bool is_in_time(struct logfile *f)
{
	const struct segment *s = &f->follow.segments.queue[0];
	uint64_t since = f->line.offset < s->since_end ? s->since_usec : 0;
	uint64_t t = f->said.header.realtime_usec;

	if (t == 0)
		return true;
	if (f->options.until_usec > 0 && t > f->options.until_usec) {
		f->ended = true;
		return false;
	}
	f->follow.segments.time_usec = t;
	if (t % USEC_PER_SEC == 0)
		t += USEC_PER_SEC - 1;
	return t >= since && t >= f->options.since_usec;
}

/* The next line may say that this one was repeated; then it is needed again. */
static int keep_login(struct logfile *f)
{
	buffer_clear(&f->login);
	f->login_end = f->line.end_offset;
	f->login_in = f->follow.segments.begun;
	return buffer_append_slice(&f->login, f->line.text);
}

/* The line before the position: it was returned before the restart, its repetitions were not. */
static int keep_line_before(struct logfile *f)
{
	const struct segments *c = &f->follow.segments;
	int r;

	if (c->n == 0 || c->queue[0].offset == 0)
		return 0;
	r = c->lines.no_seek ? buffer_append_slice(&f->login, buffer_slice(&c->before))
			     : lines_before(c->queue[0].fd, c->queue[0].offset, &f->login);
	f->login_end = c->queue[0].offset;
	f->login_in = c->begun;
	return r;
}

/* Whether the line directly follows the login, perhaps as the first line of the next file. */
static bool follows_login(const struct logfile *f)
{
	if (f->follow.segments.begun == f->login_in)
		return f->line.offset == f->login_end;
	return f->follow.segments.begun == f->login_in + 1 && f->line.offset == 0 &&
	       f->follow.segments.previous_end == f->login_end;
}

/* Whether the line only adds to the login before it: its repetitions, or its newline. */
static bool adds_to_login(struct logfile *f, uint64_t *ret_repeated)
{
	*ret_repeated = 0;
	if (f->login.len == 0 || !follows_login(f) ||
	    (f->line.text.n > 0 && !syslog_line_repeats(f->line.text, ret_repeated))) {
		buffer_clear(&f->login);
		return false;
	}
	f->login_end = f->line.end_offset;
	f->login_in = f->follow.segments.begun;
	return true;
}

static int next(struct source *source, struct record *ret)
{
	struct logfile *f = (struct logfile *)source;

	while (!f->ended) {
		uint64_t repeated = 0;
		int r;

		r = follow_next(&f->follow, f->login.len > 0 ? LINES_ANY : LINES_CANDIDATES,
				&f->line);
		if (r == FOLLOW_AGAIN)
			return SOURCE_AGAIN;
		if (r <= 0)
			return r;
		if (r == FOLLOW_GAP) {
			*ret = (struct record){.kind = RECORD_GAP};
			return 1;
		}
		if (adds_to_login(f, &repeated)) {
			if (repeated == 0 || !understand(f, buffer_slice(&f->login)))
				continue;
			f->said.repeated = repeated;
		} else if (!understand_line(f)) {
			continue;
		}
		if (!is_in_time(f))
			continue;
		if (repeated == 0) {
			r = keep_login(f);
			if (r < 0)
				return r;
		}
		*ret = (struct record){.kind = RECORD_MESSAGE, .message = f->said.header.message};
		return 1;
	}
	return 0;
}

static int write_position(struct logfile *f, uint64_t until_usec)
{
	uint64_t offset = f->ended ? f->line.offset : f->follow.segments.lines.offset;

	buffer_clear(&f->position);
	return follow_write_position(&f->follow, offset, until_usec, &f->position);
}

static void gap_details(const struct logfile *f, struct record *r)
{
	const struct segments_gap *gap = &f->follow.segments.gaps.list[0];

	r->realtime_usec = gap->to_usec;
	r->from_usec = gap->from_usec;
	/* Records of the file with the gap were read up to then. */
	if (f->follow.segments.time_usec > r->from_usec &&
	    f->follow.segments.time_usec < r->realtime_usec)
		r->from_usec = f->follow.segments.time_usec;
	r->reason = slice_of(gap->reason);
	r->identity = slice_of(gap->identity);
}

static int message_details(struct logfile *f, struct record *r)
{
	int k;

	r->realtime_usec = f->said.header.realtime_usec;
	r->host = f->said.header.host;
	r->program = f->said.header.program;
	r->pid_known = f->said.header.pid.p &&
		       number_parse_u64(f->said.header.pid, UINT32_MAX, &r->pid) == 0;
	r->count = f->said.repeated;
	if (f->options.nameless)
		return 0;
	buffer_clear(&f->identity);
	k = follow_write_identity(&f->follow, &f->line, &f->identity);
	r->identity = buffer_slice(&f->identity);
	return k;
}

static int details(struct source *source, struct record *r)
{
	struct logfile *f = (struct logfile *)source;
	size_t name = f->name.len;
	int k = 0;

	r->trusted = true;
	r->authenticated = false;
	r->source = buffer_slice(&f->name);
	if (r->kind == RECORD_GAP) {
		gap_details(f, r);
	} else {
		k = message_details(f, r);
		if (k == 0 && f->line.cut) {
			k = buffer_append_str(&f->name, ", line cut at 64 KiB");
			r->source = buffer_slice(&f->name);
			f->name.len = name;
		}
	}
	if (k < 0 || f->options.nameless)
		return k;
	k = write_position(f, 0);
	if (f->position.len > 0)
		r->position = buffer_slice(&f->position);
	return k;
}

static int wait_fd(struct source *source, short *ret_events, uint64_t *ret_timeout_usec)
{
	struct logfile *f = (struct logfile *)source;
	int r = follow_wait_fd(&f->follow, ret_events, ret_timeout_usec);

	if (f->ended)
		*ret_timeout_usec = UINT64_MAX;
	return r;
}

static int process(struct source *source)
{
	follow_process(&((struct logfile *)source)->follow);
	return 0;
}

static int position(struct source *source, uint64_t read_until_usec, struct slice *ret)
{
	struct logfile *f = (struct logfile *)source;
	int r = write_position(f, read_until_usec);

	if (r < 0)
		return r;
	*ret = buffer_slice(&f->position);
	return 0;
}

static void progress(struct source *source, struct source_progress *ret)
{
	follow_progress(&((const struct logfile *)source)->follow, ret);
}

static void logfile_free(struct source *source)
{
	struct logfile *f = (struct logfile *)source;

	follow_done(&f->follow);
	buffer_done(&f->login);
	buffer_done(&f->position);
	buffer_done(&f->identity);
	buffer_done(&f->name);
	free(f);
}

static const struct source_ops ops = {
	.next = next,
	.details = details,
	.wait_fd = wait_fd,
	.process = process,
	.position = position,
	.progress = progress,
	.free = logfile_free,
};

int logfile_open(const char *path, const struct source_options *options, struct source **ret,
		 struct error *err)
{
	struct logfile *f = malloc(sizeof(*f));
	int r;

	if (!f) {
		error_set(err, path, 0, 0, "cannot be read: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	*f = (struct logfile){
		.source.ops = &ops,
		.options = *options,
		.login = BUFFER_INIT(LINES_LONGEST),
		.position = BUFFER_INIT(16384),
		.identity = BUFFER_INIT(256),
		.name = BUFFER_INIT(8192),
		.clock_reads = UINT64_MAX,
	};
	r = follow_open(&f->follow, path, options, err);
	if (r == 0 && options->resume)
		r = keep_line_before(f);
	if (r == 0)
		r = buffer_printf(&f->name, "%s (not authenticated)",
				  f->follow.path.name ? path : "standard input");
	if (r != 0) {
		logfile_free(&f->source);
		return r;
	}
	*ret = &f->source;
	return 0;
}

const char *logfile_polls(const struct source *s)
{
	return ((const struct logfile *)s)->follow.path.watch.poll;
}

bool logfile_owns_position(struct slice position)
{
	return slice_starts_with(position, "file ");
}
