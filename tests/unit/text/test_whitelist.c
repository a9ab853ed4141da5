#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/timetext.h"
#include "text/whitelist.h"

static void close_file(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

static struct whitelist *load(struct slice text)
{
	struct whitelist *w = whitelist_new();
	struct error err;

	if (whitelist_add(w, text, "w", &err) != 0)
		fail_msg("refused: %s:%u:%u: %s", err.file, err.line, err.column, err.text);
	assert_int_equal(whitelist_build(w), 0);
	return w;
}

static struct verdict judge_login(struct whitelist *w, const struct login *login,
				  struct slice message, const char *host, uint64_t now_usec)
{
	struct whitelist_query q = {login, message, slice_of(host), now_usec};
	struct verdict v;

	memset(&v, 0xaa, sizeof(v));
	whitelist_judge(w, &q, &v);
	return v;
}

static struct verdict judge(struct whitelist *w, const char *message)
{
	struct login login;

	if (login_parse(slice_of(message), &login) != LOGIN_ACCEPTED)
		fail_msg("no login: %s", message);
	return judge_login(w, &login, slice_of(message), NULL, 0);
}

/* One case of tests/data/whitelists.txt while it is read. */
struct scenario {
	struct buffer rules, warnings, expected_warnings;
	char name[200], host[100], message[2000];
	unsigned at; /* line of the data file */
	uint64_t now_usec;
	struct whitelist *w;
	bool refused;
};

static void add_warning(const struct error *what, void *userdata)
{
	struct scenario *s = userdata;

	assert_string_equal(what->file, "w");
	assert_int_equal(what->column, 0);
	assert_int_equal(buffer_printf(&s->warnings, "%u: %s\n", what->line, what->text), 0);
}

static void begin_scenario(struct scenario *s, const char *name)
{
	s->w = whitelist_free(s->w);
	s->refused = false;
	s->now_usec = 0;
	s->host[0] = '\0';
	buffer_clear(&s->rules);
	buffer_clear(&s->expected_warnings);
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
}

static void end_warnings(struct scenario *s)
{
	if (s->expected_warnings.len == 0)
		return;
	buffer_clear(&s->warnings);
	whitelist_warnings(s->w, s->now_usec, add_warning, s);
	if (s->warnings.len == 0)
		assert_int_equal(buffer_append_str(&s->warnings, "none\n"), 0);
	if (!slice_eq(buffer_slice(&s->warnings), buffer_slice(&s->expected_warnings)))
		fail_msg("%u: %s: the warnings are\n%s, not\n%s", s->at, s->name,
			 buffer_cstr(&s->warnings), buffer_cstr(&s->expected_warnings));
	buffer_clear(&s->expected_warnings);
}

static void need_whitelist(struct scenario *s)
{
	struct error err;

	if (s->w)
		return;
	s->w = whitelist_new();
	if (whitelist_add(s->w, buffer_slice(&s->rules), "w", &err) != 0)
		fail_msg("%u: %s: refused: %u:%u: %s", s->at, s->name, err.line, err.column,
			 err.text);
	assert_int_equal(whitelist_build(s->w), 0);
}

static void expect_refused(struct scenario *s, const char *expected)
{
	struct error err;
	char text[600];

	s->w = whitelist_new();
	if (whitelist_add(s->w, buffer_slice(&s->rules), "w", &err) != WHITELIST_E_SYNTAX)
		fail_msg("%u: %s: not refused", s->at, s->name);
	assert_string_equal(err.file, "w");
	(void)snprintf(text, sizeof(text), "%u:%u: %s", err.line, err.column, err.text);
	if (strcmp(text, expected) != 0)
		fail_msg("%u: %s:\n%s, not\n%s", s->at, s->name, text, expected);
	s->refused = true;
}

static void expect_verdict(struct scenario *s, const char *expected)
{
	static const char *const refusals[] = {
		[WHITELIST_REFUSAL_NONE] = "alert",
		[WHITELIST_REFUSAL_AMBIGUOUS] = "alert ambiguous",
		[WHITELIST_REFUSAL_MATCH_LIMIT] = "alert limit",
		[WHITELIST_REFUSAL_CUT] = "alert cut",
	};
	struct login login;
	struct verdict v;
	char text[100];

	need_whitelist(s);
	if (login_parse(slice_of(s->message), &login) != LOGIN_ACCEPTED)
		fail_msg("%u: %s: no login", s->at, s->name);
	v = judge_login(s->w, &login, slice_of(s->message), s->host, s->now_usec);
	if (v.allowed)
		(void)snprintf(text, sizeof(text), "allowed %u", v.line);
	else if (v.refusal_line)
		(void)snprintf(text, sizeof(text), "%s %u", refusals[v.refusal], v.refusal_line);
	else
		(void)snprintf(text, sizeof(text), "%s", refusals[v.refusal]);
	if (strcmp(text, expected) != 0)
		fail_msg("%u: %s: %s, not %s: %s", s->at, s->name, text, expected, s->message);
}

static void set_context(struct scenario *s, const char *text)
{
	if (strncmp(text, "host=", 5) == 0)
		(void)snprintf(s->host, sizeof(s->host), "%s", text + 5);
	else if (strncmp(text, "now=", 4) == 0)
		assert_int_equal(timetext_parse(slice_of(text + 4), 0, &s->now_usec), 0);
	else
		fail_msg("%u: %s", s->at, text);
}

static void take_line(struct scenario *s, char *line)
{
	const char *rest = line[0] && line[1] ? line + 2 : "";

	switch (line[0]) {
	case '=':
		begin_scenario(s, rest);
		break;
	case '|':
		assert_int_equal(buffer_printf(&s->rules, "%s\n", rest), 0);
		break;
	case '@':
		end_warnings(s);
		set_context(s, rest);
		break;
	case '!':
		expect_refused(s, rest);
		break;
	case '?':
		need_whitelist(s);
		assert_int_equal(buffer_printf(&s->expected_warnings, "%s\n", rest), 0);
		break;
	case '>':
		(void)snprintf(s->message, sizeof(s->message), "%s", rest);
		break;
	case ' ':
		expect_verdict(s, rest);
		break;
	case '\0':
		end_warnings(s);
		break;
	case '#':
		break;
	default:
		fail_msg("%u: %s", s->at, line);
	}
}

static void cases_of_the_data_file_come_out_as_written(void **state)
{
	const char *folder = getenv("TEST_DATA");
	struct scenario s = {
		.rules = BUFFER_INIT(1 << 16),
		.warnings = BUFFER_INIT(1 << 16),
		.expected_warnings = BUFFER_INIT(1 << 16),
	};
	AUTO_FREE char *line = NULL;
	CLEANUP(close_file) FILE *f = NULL;
	char path[1000];
	size_t cap = 0;
	ssize_t n;

	(void)state;
	assert_non_null(folder);
	(void)snprintf(path, sizeof(path), "%s/whitelists.txt", folder);
	f = fopen(path, "re");
	assert_non_null(f);
	while ((n = getline(&line, &cap, f)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		s.at++;
		take_line(&s, line);
	}
	end_warnings(&s);
	assert_in_range(s.at, 100, 10000);
	(void)whitelist_free(s.w);
	buffer_done(&s.rules);
	buffer_done(&s.warnings);
	buffer_done(&s.expected_warnings);
}

static void lines_that_look_like_addresses_are_refused(void **state)
{
	static const char *const lines[] = {
		"300.1.2.3",
		"1.2.3",
		"1.2",
		"1",
		"22",
		"1.2.3.4.5",
		"1.2.3.4.",
		"1..2",
		"01.2.3.4",
		"010.1.",
		"300.",
		"1.2.3.256",
		"300\\.1\\.2\\.3",
		"1\\.2\\.3",
		"1\\.2\\.3\\.4\\.5",
		"^1.2.3$",
		"10.1.$",
		"^10\\.1\\.$",
		"1.2.3.4/",
		"1.2.3.4/x",
		"1.2.3.4/024",
		"1.2.3.4/255.255.255.0",
		"1.2.3.0/255.255.255.0",
		"1.2.3.4,5.6.7.8",
		"1.2.3.4, 5.6.7.8",
		"1.2.3.4 5.6.7.8",
		"1.2.3.4;5.6.7.8",
		"1.2.3.4;",
		"1.2.3.4,",
		"1\\.2\\.3\\.4,5\\.6\\.7\\.8",
		"1.2.3.4|5.6.7.8",
		"^1.2.3.4$|^5.6.7.8$",
		"1.2.3.4-5.6.7.8",
		"1.2.3.4 - 5.6.7.8",
		"1.2.3.4-9",
		"1.2.3.4:22",
		"1.2.3.4#home",
		"1.2.3.4#my home",
		"1.2.3.4/24#home",
		"10.1.*",
		"10.*",
		"10.1.*.*",
		"192.168.*",
		"10.1.2.?",
		"10.1.x.x",
		"10.1.2.X",
		"!1.2.3.4",
		"=1.2.3.4",
		"\"1.2.3.4\"",
		"'1.2.3.4'",
		"<1.2.3.4>",
		"(1.2.3.4)",
		"[1.2.3.4]",
		"[1\\.2\\.3\\.4]",
		"1.2.3.o",
		"1.2.3.4a",
		"1.2.3.4/a",
		"0x10.0.0.1",
		"1.2.3.4%eth0",
		"1.2.3.4%",
		"-1.2.3.4",
		".1.2.3.4",
		"1 . 2 . 3 . 4",
		"2001:db8::g",
		"2001:dg8::1",
		"2001:db8:",
		"2001:db8",
		"fe80:",
		"2001:db8::1::2",
		"2001:db8::12345",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7",
		":::1",
		"2001:db8::x",
		"2001:db8:*",
		"2001:db8::*",
		"2001:db8::/x",
		"2001:db8::/",
		"2001:db8::1/64x",
		"[2001:db8::1]",
		"[2001:db8::1]:22",
		"[2001:db8::]/64",
		"2001:db8::1,2001:db8::2",
		"2001:db8::1 2001:db8::2",
		"2001:db8::1-2001:db8::9",
		"fe80::1%",
		"fe80::1%e/h/0",
		"1.2.3.4,fe80::1%eth0",
		"aa:bb:cc:dd:ee:ff",
		"2001\\:db8\\:\\:g",
		"^2001:db8:",
		"::ffff:1.2.3",
		"::ffff:1.2.3.4.5",
		"::1.2.3.4:5",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		AUTO_WHITELIST struct whitelist *w = whitelist_new();
		struct error err = {.text = ""};
		int r = whitelist_add(w, slice_of(lines[i]), "w", &err);

		if (r != WHITELIST_E_SYNTAX)
			fail_msg("not refused: %s", lines[i]);
		if (!strstr(err.text, "not a valid address"))
			fail_msg("%s: %s", lines[i], err.text);
		assert_int_equal(err.line, 1);
		assert_in_range(err.column, 1, strlen(lines[i]));
	}
}

static void lines_with_other_words_are_expressions(void **state)
{
	static const char *const lines[] = {
		"Accepted publickey for backup from 192\\.0\\.2\\.7",
		"from 192.0.2.7 port",
		"192\\.0\\.2\\.7 port",
		"192\\.0\\.2\\.[0-9]+",
		"192\\.0\\.2\\.\\d+",
		"192\\.0\\.2\\.(7|8)",
		"192.0.2.[0-9]+ ",
		"192\\.0\\.2\\.7|198\\.51\\.100\\.3",
		"(192\\.0\\.2\\.7|198\\.51\\.100\\.3)",
		"10\\.1\\..*",
		"\\b192\\.0\\.2\\.7\\b",
		"(?:192\\.0\\.2\\.7)",
		"[[:space:]]192\\.0\\.2\\.7[[:space:]]",
		"cafe",
		"cafe\\.example",
		"backup",
		"for backup from",
		"SHA256:AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHHIIIIJJJJKKK",
		"16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
		"MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
		"ssh2: ED25519",
		"ssh2:",
		"port 22 ",
		"allowed",
		"allow-list",
		"(?=user=x)",
		"\\Qa=b\\E",
		"user",
		"user # root",
		".example.org",
		"ALL",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		AUTO_WHITELIST struct whitelist *w = whitelist_new();
		struct error err;

		if (whitelist_add(w, slice_of(lines[i]), "w", &err) != 0)
			fail_msg("refused: %s: %s", lines[i], err.text);
		assert_int_equal(whitelist_size(w), 1);
	}
}

static void line_ends_of_other_systems_are_taken(void **state)
{
	AUTO_WHITELIST struct whitelist *w =
		load(SLICE_LITERAL("\xef\xbb\xbf"
				   "192.0.2.1\r\n\r\n# c\r\nfor bob from\r\nallow user=carl\r\n"
				   "192.0.2.2"));

	(void)state;
	assert_int_equal(whitelist_size(w), 4);
	assert_int_equal(judge(w, "Accepted password for u from 192.0.2.1 port 1 ssh2").line, 1);
	assert_int_equal(judge(w, "Accepted password for bob from 192.0.2.9 port 1 ssh2").line, 4);
	assert_int_equal(judge(w, "Accepted password for carl from 192.0.2.9 port 1 ssh2").line, 5);
	assert_int_equal(judge(w, "Accepted password for u from 192.0.2.2 port 1 ssh2").line, 6);
}

static void control_characters_are_refused(void **state)
{
	const struct {
		struct slice text;
		unsigned line, column;
		const char *reason;
	} cases[] = {
		{SLICE_LITERAL("192.0.2.1\0"), 1, 10, "control character 0x00"},
		{SLICE_LITERAL("for bob\0"), 1, 8, "control character 0x00"},
		{SLICE_LITERAL("192.0.2.1\r192.0.2.2\r"), 1, 10, "control character 0x0d"},
		{SLICE_LITERAL("192.0.2.1\n\n192.0.2.1\r\r\n"), 3, 10, "control character 0x0d"},
		{SLICE_LITERAL("allow user=a\x1b"), 1, 13, "control character 0x1b"},
		{SLICE_LITERAL("allow user=a\x7f"), 1, 13, "control character 0x7f"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_WHITELIST struct whitelist *w = whitelist_new();
		struct error err;

		assert_int_equal(whitelist_add(w, cases[i].text, "w", &err), WHITELIST_E_SYNTAX);
		assert_int_equal(err.line, cases[i].line);
		assert_int_equal(err.column, cases[i].column);
		assert_string_equal(err.text, cases[i].reason);
	}
}

static void files_are_asked_in_order_and_named_in_verdicts(void **state)
{
	AUTO_WHITELIST struct whitelist *w = whitelist_new();
	char name[] = "second";
	struct verdict v;
	struct error err;

	(void)state;
	assert_int_equal(whitelist_add(w, SLICE_LITERAL("# none\n"), "first", &err), 0);
	assert_int_equal(whitelist_add(w, SLICE_LITERAL("\n192.0.2.7\n"), name, &err), 0);
	name[0] = '!';
	assert_int_equal(whitelist_add(w, SLICE_LITERAL("192.0.2.0/24\nfor bob"), "third", &err),
			 0);
	assert_int_equal(whitelist_build(w), 0);
	assert_int_equal(whitelist_size(w), 3);
	v = judge(w, "Accepted password for bob from 192.0.2.7 port 1 ssh2");
	assert_true(v.allowed);
	assert_string_equal(v.file, "second");
	assert_int_equal(v.line, 2);
	v = judge(w, "Accepted password for bob from 192.0.2.8 port 1 ssh2");
	assert_string_equal(v.file, "third");
	assert_int_equal(v.line, 1);
	v = judge(w, "Accepted password for bob from 198.51.100.1 port 1 ssh2");
	assert_string_equal(v.file, "third");
	assert_int_equal(v.line, 2);
	v = judge(w, "Accepted password for u from 198.51.100.1 port 1 ssh2");
	assert_false(v.allowed);
	assert_null(v.file);
	assert_int_equal(v.line, 0);
	assert_int_equal(v.refusal, WHITELIST_REFUSAL_NONE);
}

static void errors_name_the_file_with_the_fault(void **state)
{
	AUTO_WHITELIST struct whitelist *w = whitelist_new();
	struct error err;
	char text[600];

	(void)state;
	assert_int_equal(whitelist_add(w, SLICE_LITERAL("192.0.2.7\n"), "/etc/a", &err), 0);
	assert_int_equal(whitelist_add(w, SLICE_LITERAL("192.0.2.8\n(\n"), "/etc/b", &err),
			 WHITELIST_E_SYNTAX);
	error_format(&err, text, sizeof(text));
	assert_string_equal(text, "/etc/b:2:2: missing closing parenthesis");
	assert_int_equal(whitelist_add(w, SLICE_LITERAL("("), "/etc/c", NULL), WHITELIST_E_SYNTAX);
}

/* A login by hand: what login_parse() would make of messages that are hard to write down. */
static const char cert_message[] =
	"Accepted publickey for u from 192.0.2.7 port 1 ssh2: RSA-CERT SHA256:x ID EVIL (serial 1) "
	"CA RSA SHA256:cacacacacacacacacacacacacacacacacacacacacac, INFO";

static struct slice part(const char *text)
{
	const char *at = strstr(cert_message, text);

	assert_non_null(at);
	return (struct slice){at, strlen(text)};
}

static struct login cert_login(void)
{
	struct login login = {
		.method = part("publickey"),
		.user = (struct slice){cert_message + strlen("Accepted publickey for "), 1},
		.addr = part("192.0.2.7"),
		.addr_known = true,
		.port = 1,
		.cert_id = part("EVIL"),
		.ca_fingerprint = part("SHA256:cacacacacacacacacacacacacacacacacacacacacac"),
		.vis_escaped = true,
		.foreign = {part("EVIL"), part("INFO")},
		.n_foreign = 2,
	};

	assert_int_equal(address_parse(login.addr, &login.address), 0);
	return login;
}

static void every_foreign_part_becomes_one_nul(void **state)
{
	const struct {
		struct slice rule;
		bool allowed;
	} cases[] = {
		{SLICE_LITERAL("ID \\x00 \\(serial"), true},
		{SLICE_LITERAL(", \\x00$"), true},
		{SLICE_LITERAL("EVIL"), false},
		{SLICE_LITERAL("INFO"), false},
		{SLICE_LITERAL("ID  \\(serial"), false},
		{SLICE_LITERAL(", $"), false},
		{SLICE_LITERAL("cacacac, "), true},
	};
	struct login login = cert_login();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_WHITELIST struct whitelist *w = load(cases[i].rule);
		struct verdict v = judge_login(w, &login, slice_of(cert_message), NULL, 0);

		if (v.allowed != cases[i].allowed)
			fail_msg("%.*s", (int)cases[i].rule.n, cases[i].rule.p);
	}
}

static void cut_message_is_not_allowed_by_what_stands_at_its_end(void **state)
{
	const struct {
		struct slice rule;
		bool allowed;
		enum whitelist_refusal refusal;
	} cases[] = {
		{SLICE_LITERAL("Accepted"), false, WHITELIST_REFUSAL_CUT},
		{SLICE_LITERAL("allow ca=SHA256:cacacacacacacacacacacacacacacacacacacacacac"),
		 false, WHITELIST_REFUSAL_CUT},
		{SLICE_LITERAL("allow cert-id=EVIL"), false, WHITELIST_REFUSAL_CUT},
		{SLICE_LITERAL("allow cert-id=EVIL user=u"), false, WHITELIST_REFUSAL_CUT},
		{SLICE_LITERAL("allow cert-id=EVIL user=x"), false, WHITELIST_REFUSAL_NONE},
		{SLICE_LITERAL("allow user=u"), true, WHITELIST_REFUSAL_NONE},
		{SLICE_LITERAL("allow from=192.0.2.7"), true, WHITELIST_REFUSAL_NONE},
		{SLICE_LITERAL("192.0.2.7"), true, WHITELIST_REFUSAL_NONE},
		{SLICE_LITERAL("Accepted\n192.0.2.7"), true, WHITELIST_REFUSAL_NONE},
	};
	struct login login = cert_login();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_WHITELIST struct whitelist *w = load(cases[i].rule);
		struct verdict v;

		login.cut = true;
		v = judge_login(w, &login, slice_of(cert_message), NULL, 0);
		if (v.allowed != cases[i].allowed || v.refusal != cases[i].refusal)
			fail_msg("%.*s", (int)cases[i].rule.n, cases[i].rule.p);
		assert_int_equal(v.refusal_line, cases[i].refusal ? 1 : 0);
		login.cut = false;
		if (cases[i].refusal == WHITELIST_REFUSAL_CUT)
			assert_true(
				judge_login(w, &login, slice_of(cert_message), NULL, 0).allowed);
	}
}

static void ambiguous_login_is_not_allowed_by_any_kind_of_rule(void **state)
{
	static const char *const rules[] = {
		"192.0.2.7",	"192.0.2.0/24",		"Accepted",
		"allow user=u", "allow from=192.0.2.7", "allow until=2100-01-01",
	};
	struct login login = cert_login();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		AUTO_WHITELIST struct whitelist *w = load(slice_of(rules[i]));
		struct verdict v;

		login.ambiguous = false;
		assert_true(judge_login(w, &login, slice_of(cert_message), NULL, 0).allowed);
		login.ambiguous = true;
		v = judge_login(w, &login, slice_of(cert_message), NULL, 0);
		assert_false(v.allowed);
		assert_int_equal(v.refusal, WHITELIST_REFUSAL_AMBIGUOUS);
	}
}

static void unknown_address_is_in_no_network(void **state)
{
	AUTO_WHITELIST struct whitelist *w = load(SLICE_LITERAL("::/0\nallow from=::/0\n"));
	struct login login = cert_login();

	(void)state;
	assert_int_equal(judge_login(w, &login, slice_of(cert_message), NULL, 0).line, 1);
	login.addr_known = false;
	assert_false(judge_login(w, &login, slice_of(cert_message), NULL, 0).allowed);
}

static void unknown_host_and_absent_fields_hold_nowhere(void **state)
{
	AUTO_WHITELIST struct whitelist *w =
		load(SLICE_LITERAL("allow host=h\n"
				   "allow key=SHA256:AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHHIIIIJJJJKKK\n"
				   "allow ca=SHA256:AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHHIIIIJJJJKKK\n"
				   "allow cert-id=x\nallow user=y\nallow method=password\n"));
	struct login login = {.method = {NULL, 0}};

	(void)state;
	assert_false(judge_login(w, &login, SLICE_LITERAL("m"), NULL, 0).allowed);
	assert_false(judge_login(w, &login, SLICE_LITERAL("m"), "", 0).allowed);
	assert_false(judge_login(w, &login, SLICE_LITERAL("m"), "hh", 0).allowed);
	assert_int_equal(judge_login(w, &login, SLICE_LITERAL("m"), "H", 0).line, 1);
}

static void message_longer_than_any_of_sshd_is_not_searched(void **state)
{
	AUTO_WHITELIST struct whitelist *w = load(SLICE_LITERAL("^Accepted"));
	struct login login = {.vis_escaped = true};
	char message[4097];
	struct verdict v;

	(void)state;
	memset(message, 'x', sizeof(message));
	memcpy(message, "Accepted", 8);
	assert_true(judge_login(w, &login, (struct slice){message, 4096}, NULL, 0).allowed);
	v = judge_login(w, &login, (struct slice){message, 4097}, NULL, 0);
	assert_false(v.allowed);
	assert_int_equal(v.refusal, WHITELIST_REFUSAL_MATCH_LIMIT);
	assert_string_equal(v.refusal_file, "w");
	assert_int_equal(v.refusal_line, 1);
}

static void many_rules_of_both_kinds_are_told_apart(void **state)
{
	enum { RULES = 100000 };
	struct buffer text = BUFFER_INIT(1 << 24);
	AUTO_WHITELIST struct whitelist *w = NULL;

	(void)state;
	for (unsigned i = 0; i < RULES; i++)
		assert_int_equal(i % 1000 == 999 ? buffer_printf(&text, "allow user=u%u\n", i)
						 : buffer_printf(&text, "10.%u.%u.%u\n", i >> 16,
								 i >> 8 & 255, i & 255),
				 0);
	w = load(buffer_slice(&text));
	buffer_done(&text);
	assert_int_equal(whitelist_size(w), RULES);
	for (unsigned i = 0; i < RULES; i += 7) {
		struct login login = {.addr_known = true};
		char name[20];
		struct verdict v;

		(void)snprintf(name, sizeof(name), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		assert_int_equal(address_parse(slice_of(name), &login.address), 0);
		(void)snprintf(name, sizeof(name), "u%u", i / 2000 * 2000 + 999);
		login.user = slice_of(name);
		v = judge_login(w, &login, SLICE_LITERAL(""), NULL, 0);
		/* The rule of the user, unless that of the address stands before it. */
		assert_int_equal(v.line, i % 1000 != 999 && i < i / 2000 * 2000 + 999
						 ? i + 1
						 : i / 2000 * 2000 + 1000);
	}
}

static void free_takes_null(void **state)
{
	(void)state;
	assert_null(whitelist_free(NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases_of_the_data_file_come_out_as_written),
		cmocka_unit_test(lines_that_look_like_addresses_are_refused),
		cmocka_unit_test(lines_with_other_words_are_expressions),
		cmocka_unit_test(line_ends_of_other_systems_are_taken),
		cmocka_unit_test(control_characters_are_refused),
		cmocka_unit_test(files_are_asked_in_order_and_named_in_verdicts),
		cmocka_unit_test(errors_name_the_file_with_the_fault),
		cmocka_unit_test(every_foreign_part_becomes_one_nul),
		cmocka_unit_test(cut_message_is_not_allowed_by_what_stands_at_its_end),
		cmocka_unit_test(ambiguous_login_is_not_allowed_by_any_kind_of_rule),
		cmocka_unit_test(unknown_address_is_in_no_network),
		cmocka_unit_test(unknown_host_and_absent_fields_hold_nowhere),
		cmocka_unit_test(message_longer_than_any_of_sshd_is_not_searched),
		cmocka_unit_test(many_rules_of_both_kinds_are_told_apart),
		cmocka_unit_test(free_takes_null),
	};

	if (setenv("TZ", "UTC", 1) < 0)
		return 1;
	tzset();
	return cmocka_run_group_tests_name("whitelist", tests, NULL, NULL);
}
