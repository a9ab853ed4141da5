/*
 * A header is a time (syslog_time), then in all forms but RFC 5424
 * "[PRIORITY] [HOST] [PRIORITY] PROGRAM[[PID]]: MESSAGE". Parsers remove from the left of a slice
 * what they read.
 */
#include "text/syslog_header.h"

#include "base/number.h"

/* "[sshd]"; a number in brackets is something else. */
static bool is_metalog_tag(struct slice word)
{
	return word.n > 2 && word.p[0] == '[' && word.p[word.n - 1] == ']' &&
	       !ascii_is_digit(word.p[1]);
}

/* Reads "PROGRAM[PID]:", "PROGRAM:" or "[PROGRAM]", all of @word. */
static bool read_tag(struct slice word, struct syslog_header *h)
{
	const char *bracket;
	struct slice pid;

	h->pid = (struct slice){0};
	if (is_metalog_tag(word)) {
		h->program = (struct slice){word.p + 1, word.n - 2};
		return true;
	}
	if (word.n < 2 || word.p[word.n - 1] != ':')
		return false;
	word.n--;
	bracket = word.p[word.n - 1] == ']' ? memchr(word.p, '[', word.n) : NULL;
	if (bracket) {
		uint64_t v;

		pid = slice_from(word, (size_t)(bracket - word.p) + 1);
		pid.n--;
		if (number_parse_u64(pid, UINT64_MAX, &v) == 0)
			h->pid = pid;
		word.n = (size_t)(bracket - word.p);
	}
	h->program = word;
	return word.n > 0;
}

static bool is_one_of(struct slice s, const char *const names[])
{
	for (size_t i = 0; names[i]; i++) {
		if (slice_eq_str(s, names[i]))
			return true;
	}
	return false;
}

/* "auth.info", "authpriv.notice": busybox and OpenWrt. A host may look nearly so: "auth.lan". */
static bool is_facility_level(struct slice word)
{
	static const char *const facilities[] = {
		"kern",	  "user",   "mail",   "daemon", "auth",	  "syslog",   "lpr",
		"news",	  "uucp",   "cron",   "ftp",	"local0", "authpriv", "local1",
		"local2", "local3", "local4", "local5", "local6", "local7",   NULL,
	};
	static const char *const levels[] = {
		"emerg", "panic",   "alert",  "crit", "err",   "error",
		"warn",	 "warning", "notice", "info", "debug", NULL,
	};
	const char *dot = word.n > 0 ? memchr(word.p, '.', word.n) : NULL;
	size_t n = dot ? (size_t)(dot - word.p) : 0;

	return dot && is_one_of((struct slice){word.p, n}, facilities) &&
	       is_one_of(slice_from(word, n + 1), levels);
}

/* "auth.info", and "<auth.info>", "<4.6>", "<38>": FreeBSD with -v, syslog-ng's templates. */
static bool is_priority(struct slice word)
{
	if (word.n < 3 || word.n > 20 || word.p[0] != '<' || word.p[word.n - 1] != '>')
		return is_facility_level(word);
	for (size_t i = 1; i + 1 < word.n; i++) {
		if (!ascii_is_digit(word.p[i]) && word.p[i] != '.' &&
		    !(word.p[i] >= 'a' && word.p[i] <= 'z'))
			return false;
	}
	return true;
}

/* Solaris: "[ID 800047 auth.notice] ". */
static void skip_message_id(struct slice *message)
{
	struct slice s = *message, word;

	if (!slice_skip(&s, "[ID "))
		return;
	word = slice_cut_word(&s);
	if (slice_digits(word).n < word.n)
		return;
	word = slice_cut_word(&s);
	if (word.n > 0 && word.p[word.n - 1] == ']')
		*message = s;
}

/* "[PRIORITY] [HOST] [PRIORITY] PROGRAM[PID]: MESSAGE" */
static bool read_words(struct slice s, struct syslog_header *h)
{
	struct slice word = slice_cut_word(&s);

	if (is_priority(word))
		word = slice_cut_word(&s);
	if (!read_tag(word, h)) {
		h->host = word;
		word = slice_cut_word(&s);
		if (is_priority(word))
			word = slice_cut_word(&s);
		if (!read_tag(word, h))
			return false;
	}
	skip_message_id(&s);
	h->message = s;
	return true;
}

/* An RFC 5424 word; "-" means none. */
static struct slice read_value(struct slice *s)
{
	struct slice word = slice_cut_word(s);

	return slice_eq_str(word, "-") ? (struct slice){0} : word;
}

/* STRUCTURED-DATA: "-", or elements in brackets whose values escape '"', '\' and ']' by '\'. */
static bool skip_structured_data(struct slice *s)
{
	if (slice_skip(s, "-"))
		return true;
	if (s->n == 0 || s->p[0] != '[')
		return false;
	while (slice_skip(s, "[")) {
		bool quoted = false;
		size_t i;

		for (i = 0; i < s->n && (quoted || s->p[i] != ']'); i++) {
			if (quoted && s->p[i] == '\\')
				i++;
			else if (s->p[i] == '"')
				quoted = !quoted;
		}
		if (i >= s->n)
			return false;
		*s = slice_from(*s, i + 1);
	}
	return true;
}

/* Everything after "<PRI>1 ". */
static bool read_rfc5424(struct slice s, struct syslog_clock *clock, struct syslog_header *h)
{
	uint64_t v;

	if (!slice_skip(&s, "- ") &&
	    (!syslog_time_read_rfc3339(&s, clock, &h->realtime_usec) || !slice_skip(&s, " ")))
		return false;
	h->host = read_value(&s);
	h->program = read_value(&s);
	h->pid = read_value(&s);
	if (h->pid.p && number_parse_u64(h->pid, UINT64_MAX, &v) != 0)
		h->pid = (struct slice){0};
	(void)read_value(&s); /* MSGID */
	if (!skip_structured_data(&s) || (s.n > 0 && !slice_skip(&s, " ")))
		return false;
	/* rsyslog's own template writes one blank more. */
	while (slice_skip(&s, " "))
		;
	(void)slice_skip(&s, "\xef\xbb\xbf");
	h->message = s;
	return true;
}

static void skip_priority(struct slice *s)
{
	struct slice rest = *s;
	size_t n;

	if (!slice_skip(&rest, "<"))
		return;
	n = slice_digits(rest).n;
	rest = slice_from(rest, n);
	if (n >= 1 && n <= 3 && slice_skip(&rest, ">"))
		*s = rest;
}

/* socklog: "[TIME ]auth.info: ", then the record as it came, with a time of its own. */
static void skip_socklog(struct slice *s)
{
	struct slice rest = *s, word = slice_cut_word(&rest);

	if (word.n > 0 && word.p[word.n - 1] != ':')
		word = slice_cut_word(&rest);
	if (word.n > 0 && word.p[word.n - 1] == ':' &&
	    is_facility_level((struct slice){word.p, word.n - 1}))
		*s = rest;
}

int syslog_header_parse(struct slice line, struct syslog_clock *clock, struct syslog_header *ret)
{
	struct syslog_header h = {0};
	struct slice s = line;

	if (s.n == 0)
		return SYSLOG_HEADER_E_NONE;
	if (s.p[s.n - 1] == '\r')
		s.n--;
	skip_priority(&s);
	skip_socklog(&s);
	if (slice_skip(&s, "1 ")) {
		if (!read_rfc5424(s, clock, &h))
			return SYSLOG_HEADER_E_NONE;
	} else if (!syslog_time_read(&s, clock, &h.realtime_usec) || !read_words(s, &h)) {
		return SYSLOG_HEADER_E_NONE;
	}
	*ret = h;
	return 0;
}
