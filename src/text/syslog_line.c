/*
 * A header names the program, or the unit, which may run sshd under any name: then the message
 * alone decides. If the header has no known form, the program's tag directly before a login is
 * enough
 * ("… sshd[12]: Accepted …"), and a line that begins with a login has no header. Syslog daemons
 * join what is repeated: rsyslogd writes "message repeated 2 times: [ … ]", others "last message
 * repeated 2 times" in the next line.
 */
#include "text/syslog_line.h"

#include "base/cleanup.h"
#include "base/number.h"
#include "text/login.h"

#define REPEATED_MAX 1000000000

/* "ssh.service", "session-3.scope": journalctl -o with-unit has it where others have the program.
 */
static bool is_unit(struct slice name)
{
	return (slice_skip_end(&name, ".service") || slice_skip_end(&name, ".scope")) && name.n > 0;
}

static bool is_program(const char *const *programs, struct slice name)
{
	for (const char *const *p = programs; *p; p++)
		if (slice_eq_str(name, *p))
			return true;
	return false;
}

/* Skips "[12]: " or ": ", which follows a program's name. */
static bool skip_tag_end(struct slice *s, struct slice *ret_pid)
{
	struct slice rest = *s;

	*ret_pid = (struct slice){NULL, 0};
	if (slice_skip(&rest, "[")) {
		*ret_pid = slice_digits(rest);
		rest = slice_from(rest, ret_pid->n);
		if (ret_pid->n == 0 || !slice_skip(&rest, "]"))
			return false;
	}
	if (!slice_skip(&rest, ":"))
		return false;
	(void)slice_skip(&rest, " ");
	*s = rest;
	return true;
}

static bool is_name_char(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_';
}

/* A line whose header is of no known form. */
static bool guess(struct slice line, const char *const *programs, struct syslog_header *ret)
{
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	*ret = (struct syslog_header){.message = line};
	if (login_candidate(line))
		return true;
	for (const char *const *p = programs; *p; p++) {
		struct slice rest = line;
		size_t n = strlen(*p);
		const char *at;

		while (n > 0 && (at = memmem(rest.p, rest.n, *p, n))) {
			bool begins = at == line.p || !is_name_char(at[-1]);

			rest = slice_from(rest, (size_t)(at - rest.p) + n);
			ret->message = rest;
			if (begins && skip_tag_end(&ret->message, &ret->pid) &&
			    login_candidate(ret->message)) {
				ret->program = (struct slice){at, n};
				return true;
			}
		}
	}
	return false;
}

/* Reads "12 times", "1 time" or "twice". */
static bool read_times(struct slice *s, uint64_t *ret)
{
	struct slice digits = slice_digits(*s), rest = slice_from(*s, digits.n);

	if (slice_skip(s, "twice")) {
		*ret = 2;
		return true;
	}
	if (number_parse_u64(digits, REPEATED_MAX, ret) < 0)
		return false;
	if (!slice_skip(&rest, " times") && !slice_skip(&rest, " time"))
		return false;
	*s = rest;
	return true;
}

/* Extracts the message from rsyslogd's "message repeated 2 times: [ … ]". */
static void unwrap(struct slice *message, uint64_t *ret_repeated)
{
	struct slice s = *message;
	uint64_t n;

	if (!slice_skip(&s, "message repeated ") || !read_times(&s, &n) || !slice_skip(&s, ": ["))
		return;
	(void)slice_skip(&s, " ");
	if (s.n > 0 && s.p[s.n - 1] == ']')
		s.n--;
	*message = s;
	*ret_repeated = n;
}

/* Skips everything up to @words, and these; false if they are not in @s. */
static bool skip_up_to(struct slice *s, const char *words)
{
	size_t n = strlen(words);
	const char *at = s->n >= n ? memmem(s->p, s->n, words, n) : NULL;

	if (!at)
		return false;
	*s = slice_from(*s, (size_t)(at - s->p) + n);
	return true;
}

bool syslog_line_repeats(struct slice line, uint64_t *ret)
{
	static const struct {
		const char *begin, *end;
	} forms[] = {
		{"last message repeated ", ""},	    /* most daemons */
		{"last message repeated ", " ---"}, /* macOS */
		{"- Last output repeated ", " -"},  /* metalog */
	};
	static const char repeated[] = " repeated ";
	struct slice rest;
	uint64_t n;

	if (!memmem(line.p, line.n, repeated, sizeof(repeated) - 1))
		return false; /* as nearly all lines */
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		rest = line;
		if (skip_up_to(&rest, forms[i].begin) && read_times(&rest, &n) &&
		    slice_eq_str(rest, forms[i].end)) {
			*ret = n;
			return true;
		}
	}
	/* syslog-ng quotes how the message began. */
	rest = line;
	if (!skip_up_to(&rest, ": Last message '") || !skip_up_to(&rest, "' repeated ") ||
	    !read_times(&rest, &n) || !slice_starts_with(rest, ", suppressed by syslog-ng"))
		return false;
	*ret = n;
	return true;
}

int syslog_line_read(struct slice line, const char *const *programs, struct syslog_clock *clock,
		     struct syslog_line *ret)
{
	struct syslog_line l = {.repeated = 0};
	struct slice message;

	if (syslog_header_parse(line, clock, &l.header) != 0) {
		if (!guess(line, programs, &l.header))
			return SYSLOG_LINE_E_NONE;
		*ret = l;
		return 0;
	}
	if (l.header.program.p && !is_program(programs, l.header.program) &&
	    !is_unit(l.header.program))
		return SYSLOG_LINE_E_PROGRAM;
	message = l.header.message;
	unwrap(&message, &l.repeated);
	if (!login_candidate(message))
		return SYSLOG_LINE_E_NONE;
	l.header.message = message;
	*ret = l;
	return 0;
}
