/*
 * What mails say: subjects and texts compared as prose, and one mail byte by byte. How they are
 * encoded is for test_mime and, with a parser of somebody else, for e2e/test_message.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/cleanup.h"
#include "text/message/body.h"
#include "text/message/compose.h"

#define S(literal)                                                                                 \
	{                                                                                          \
		(literal), sizeof(literal) - 1                                                     \
	}
#define TIME_USEC   UINT64_C(1795406706000000) /* 2026-11-23 04:05:06 UTC */
#define MINUTE_USEC UINT64_C(60000000)
#define KEY	    "SHA256:0123456789012345678901234567890123456789abc"
#define CA	    "SHA256:cba9876543210987654321098765432109876543210"

static char recipient[] = "admin@example.org", from[] = "loginbell@web1.example.org";
static char whitelist_glob[] = "/etc/loginbell/whitelist.d/*.rules";
static char whitelist[] = "/etc/loginbell/whitelist";
static const char *recipients[] = {recipient, NULL},
		  *whitelists[] = {whitelist_glob, whitelist, NULL};

static const struct config config = {.whitelist_files = {whitelists, 2}};
static const struct config_destination destination = {.to = {recipients, 1}, .from = from};

static const struct message_options plain = {
	.config = &config,
	.destination = &destination,
	.host = "web1",
	.fqdn = "web1.example.org",
	.now_usec = TIME_USEC + 1000000,
};

static const struct alert login = {
	.kind = ALERT_LOGIN,
	.time_usec = TIME_USEC,
	.noted_usec = TIME_USEC,
	.id = S("0123456789abcdef0123456789abcdef"),
	.source = S("journal"),
	.host = S("web1"),
	.program = S("sshd"),
	.pid_known = true,
	.pid = 4711,
	.message = S("Accepted password for root"),
	.reason = S("no rule allows it"),
	.readable = true,
	.trusted = true,
	.method = S("password"),
	.user = S("root"),
	.addr = S("203.0.113.9"),
	.port_known = true,
	.port = 50022,
};

static const struct alert forged = {
	.kind = ALERT_FORGED,
	.time_usec = TIME_USEC,
	.noted_usec = TIME_USEC,
	.source = S("journal"),
	.host = S("web1"),
	.comm = S("logger"),
	.uid_known = true,
	.uid = 1000,
	.message = S("Accepted password for root from 198.51.100.1 port 1 ssh2"),
	.reason = S("the record was written by uid 1000, not by sshd"),
	.user = S("root"),
	.addr = S("198.51.100.1"),
	.count = 5,
};

static const struct alert gap = {
	.kind = ALERT_GAP,
	.from_usec = TIME_USEC - 65 * MINUTE_USEC,
	.time_usec = TIME_USEC,
	.noted_usec = TIME_USEC,
	.host = S("web1"),
	.source = S("journal"),
	.count = 17,
	.reason = S("the journal dropped messages"),
};

/* The next call changes the subject of all that had one. */
static void set_subject(struct message_options *options, const char *subject)
{
	static struct config_destination changed;
	static char text[200];

	(void)snprintf(text, sizeof(text), "%s", subject);
	changed = destination;
	changed.subject = text;
	options->destination = &changed;
}

static void set_zone(const char *zone)
{
	assert_int_equal(setenv("TZ", zone, 1), 0);
	tzset();
}

static int zone_is_utc(void **state)
{
	(void)state;
	set_zone("UTC0");
	return 0;
}

static void assert_subject_of(const struct alert *alerts, size_t n,
			      const struct message_options *options, const char *expected)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(1 << 16);
	struct writer w = {&b, 0};
	AUTO_SUMMARY struct summary s;

	assert_int_equal(summary_init(&s, alerts, n, options), 0);
	body_write_subject(&w, &s);
	assert_int_equal(w.error, 0);
	assert_string_equal(buffer_cstr(&b), expected);
}

static void assert_subject(const struct alert *a, const char *expected)
{
	assert_subject_of(a, 1, &plain, expected);
}

static char *text_of(const struct alert *alerts, size_t n, const struct message_options *options,
		     struct buffer *b)
{
	struct writer w = {b, 0};
	AUTO_SUMMARY struct summary s;

	assert_int_equal(summary_init(&s, alerts, n, options), 0);
	body_write(&w, &s);
	assert_int_equal(w.error, 0);
	return buffer_cstr(b);
}

static void assert_text_of(const struct alert *alerts, size_t n,
			   const struct message_options *options, const char *expected)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);

	assert_string_equal(text_of(alerts, n, options, &b), expected);
}

static void assert_offers(const struct alert *a, const char *expected)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	const char *text = text_of(a, 1, &plain, &b);
	const char *at = strstr(text, "\nTo allow this, add to /etc/loginbell/whitelist:\n");

	if (!at)
		at = strstr(text, "\nNo whitelist line is offered");
	assert_non_null(at);
	at = at[1] == 'T' ? strchr(at + 1, '\n') : at;
	assert_string_equal(at + 1, expected);
}

/* Its IDs are FNV-1a of the alert's ID and of "thread", host and user, a NUL behind each. */
static void a_login_is_a_mail_byte_by_byte(void **state)
{
	static const char expected[] =
		"Date: Mon, 23 Nov 2026 04:05:07 +0000\r\n"
		"From: loginbell@web1.example.org\r\n"
		"To: admin@example.org\r\n"
		"Message-ID: <e405f0aa2a90ea81b67a572df2f1991f@web1.example.org>\r\n"
		"In-Reply-To: <790c5e0ee6d763c2549fd654a4f99faa@web1.example.org>\r\n"
		"References: <790c5e0ee6d763c2549fd654a4f99faa@web1.example.org>\r\n"
		"Subject: [web1] SSH login: root from 203.0.113.9\r\n"
		"Auto-Submitted: auto-generated\r\n"
		"X-Auto-Response-Suppress: All\r\n"
		"X-Loginbell-Event: login\r\n"
		"X-Loginbell-Host: web1\r\n"
		"X-Loginbell-User: root\r\n"
		"X-Loginbell-Addr: 203.0.113.9\r\n"
		"X-Loginbell-Method: password\r\n"
		"X-Loginbell-Count: 1\r\n"
		"X-Loginbell-Verdict: alert\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=UTF-8\r\n"
		"Content-Transfer-Encoding: 7bit\r\n"
		"\r\n"
		"SSH login: root from 203.0.113.9\r\n"
		"\r\n"
		"user: root\r\n"
		"from: 203.0.113.9\r\n"
		"port: 50022\r\n"
		"host: web1\r\n"
		"time: 2026-11-23 04:05:06 +0000 UTC\r\n"
		"method: password\r\n"
		"why: no rule allows it.\r\n"
		"source: journal, sshd[4711]\r\n"
		"\r\n"
		"The log line:\r\n"
		"Accepted password for root\r\n"
		"\r\n"
		"To allow this, add to /etc/loginbell/whitelist:\r\n"
		"allow user=root from=203.0.113.9 method=password\r\n";
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	char id[MESSAGE_ID_MAX];

	(void)state;
	assert_int_equal(compose_message(&login, 1, &plain, &b, id), 0);
	assert_non_null(strstr(expected, id));
	assert_string_equal(buffer_cstr(&b), expected);
}

static void subjects_tell_what_happened(void **state)
{
	struct alert a = login;

	(void)state;
	assert_subject(&login, "[web1] SSH login: root from 203.0.113.9");
	a.ambiguous = true;
	assert_subject(&a, "[web1] SSH login: root from 203.0.113.9 (ambiguous)");
	a = login;
	a.count = 12;
	assert_subject(&a, "[web1] 12 further SSH logins: root from 203.0.113.9");
	a.count = 1;
	a.from_usec = TIME_USEC - MINUTE_USEC;
	assert_subject(&a, "[web1] 1 further SSH login: root from 203.0.113.9");
	a = (struct alert){.kind = ALERT_LOGIN, .host = S("web1")};
	assert_subject(&a, "[web1] SSH login that could not be read");
	assert_subject(&forged, "[web1] 5 forged SSH login records by uid 1000");
	a = forged;
	a.count = 0;
	assert_subject(&a, "[web1] 1 forged SSH login record by uid 1000");
	assert_subject(&gap, "[web1] log records were lost, 2026-11-23 03:00 to 04:05");
	a = gap;
	a.from_usec -= 1440 * MINUTE_USEC;
	assert_subject(&a, "[web1] log records were lost, 2026-11-22 03:00 to 2026-11-23 04:05");
	a.from_usec = 0;
	assert_subject(&a, "[web1] log records were lost, before 2026-11-23 04:05");
	a = (struct alert){.kind = ALERT_INSTANCE, .reason = S("loginbell started")};
	assert_subject(&a, "[web1] loginbell started");
}

static void long_values_are_shortened_in_the_subject_only(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	struct alert a = login;
	char user[41];

	(void)state;
	memset(user, 'u', sizeof(user));
	a.user = (struct slice){user, 40};
	assert_subject(&a,
		       "[web1] SSH login: uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu "
		       "from 203.0.113.9");
	a.user.n = 41;
	assert_subject(&a,
		       "[web1] SSH login: uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu... "
		       "from 203.0.113.9");
	assert_non_null(strstr(text_of(&a, 1, &plain, &b),
			       "user: uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\n"));
}

static void digests_count_in_singular_and_plural(void **state)
{
	struct alert all[4] = {login, login, gap, login};

	(void)state;
	assert_subject_of(all, 2, &plain, "[web1] 2 SSH logins, 1 user, 1 address");
	all[1].user = (struct slice)S("backup");
	all[1].count = 11;
	assert_subject_of(all, 2, &plain, "[web1] 12 SSH logins, 2 users, 1 address");
	all[3].host = (struct slice)S("web2");
	all[3].addr = (struct slice)S("2001:db8::1");
	assert_subject_of(all, 4, &plain,
			  "[2 hosts] 13 SSH logins, 2 users, 2 addresses, 1 gap in the log");
	all[0].readable = false;
	assert_subject_of(all, 2, &plain,
			  "[web1] 12 SSH logins, 1 user, 1 address, 1 not readable");
	all[0] = all[1] = (struct alert){.kind = ALERT_INSTANCE};
	assert_subject_of(all, 2, &plain, "[web1] 2 events of loginbell itself");
	all[0] = all[1] = forged;
	assert_subject_of(all, 2, &plain, "[web1] 10 forged SSH login records by uid 1000");
	all[1].uid = 1001;
	assert_subject_of(all, 2, &plain, "[web1] 10 forged SSH login records by 2 users");
	all[0] = all[1] = gap;
	assert_subject_of(all, 2, &plain, "[web1] 2 gaps in the log");
}

static void five_minutes_are_a_delay(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	struct message_options late = plain;
	struct alert summary = login;
	const char *text;

	(void)state;
	late.now_usec = TIME_USEC + 5 * MINUTE_USEC - 1;
	assert_subject_of(&login, 1, &late, "[web1] SSH login: root from 203.0.113.9");
	late.now_usec++;
	assert_subject_of(&login, 1, &late, "[web1] [delayed] SSH login: root from 203.0.113.9");
	text = text_of(&login, 1, &late, &b);
	assert_non_null(strstr(text,
			       "time: 2026-11-23 04:05:06 +0000 UTC\n"
			       "mailed: 2026-11-23 04:10:06 +0000 UTC\n"
			       "delay: 5min\n"));
	/* A summary is late only when it waited itself. */
	summary.count = 2;
	summary.from_usec = TIME_USEC - MINUTE_USEC;
	summary.noted_usec = late.now_usec;
	assert_subject_of(&summary, 1, &late, "[web1] 2 further SSH logins: root from 203.0.113.9");
	/* A clock that went back is no delay. */
	late.now_usec = TIME_USEC - 60 * MINUTE_USEC;
	assert_subject_of(&login, 1, &late, "[web1] SSH login: root from 203.0.113.9");
}

static void logins_that_the_log_joined_in_one_line_are_counted(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	struct message_options late = plain;
	struct alert all[] = {login, login};
	const char *text;

	(void)state;
	all[1].count = 2;
	assert_subject(&all[1], "[web1] 2 further SSH logins: root from 203.0.113.9");
	text = text_of(&all[1], 1, &plain, &b);
	assert_non_null(strstr(text, "\ntime: 2026-11-23 04:05:06 +0000 UTC\n"));
	assert_non_null(strstr(text, "\nlogins: 2, which the log joined in one line\n"));
	assert_subject_of(all, 2, &plain, "[web1] 3 SSH logins, 1 user, 1 address");
	/* They are as late as the log says, whenever they were noted. */
	late.now_usec = all[1].noted_usec = TIME_USEC + 5 * MINUTE_USEC;
	assert_subject_of(&all[1], 1, &late,
			  "[web1] [delayed] 2 further SSH logins: root from 203.0.113.9");
	all[1].count = 1;
	assert_subject(&all[1], "[web1] SSH login: root from 203.0.113.9");
}

static void local_time_and_utc_stand_where_they_differ(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);

	(void)state;
	set_zone("CET-1");
	assert_non_null(strstr(text_of(&login, 1, &plain, &b),
			       "\ntime: 2026-11-23 05:05:06 +0100 CET "
			       "(2026-11-23 04:05:06 UTC)\n"));
	set_zone("UTC0");
}

static void the_rule_is_as_narrow_as_the_login_lets_it_be(void **state)
{
	struct alert a = login;

	(void)state;
	a.fingerprint = (struct slice)S(KEY);
	assert_offers(&a, "allow user=root from=203.0.113.9 key=" KEY "\n");
	a.ca_fingerprint = (struct slice)S(CA);
	a.cert_id = (struct slice)S("laptop of root");
	assert_offers(&a,
		      "allow user=root from=203.0.113.9 ca=" CA " cert-id=\"laptop of root\"\n");
	a.cert_id = (struct slice)S("a\nb");
	assert_offers(&a, "allow user=root from=203.0.113.9 ca=" CA "\n");
	a.ca_fingerprint = (struct slice)S("SHA256:short user=all");
	a.fingerprint = (struct slice)S("MD5:00");
	assert_offers(&a, "allow user=root from=203.0.113.9 method=password\n");
	a.method = (struct slice)S("unheard-of");
	a.user = (struct slice)S("DOMAIN\\first last");
	a.addr = (struct slice)S("fe80::1%eth0");
	a.host = (struct slice)S("web2");
	assert_offers(&a, "allow user=\"DOMAIN\\first last\" from=fe80::1 host=web2\n");
	a.user = (struct slice)S("a,b");
	a.addr = (struct slice)S("2001:db8::1");
	assert_offers(&a, "allow user=\"a,b\" from=2001:db8::1 host=web2\n");
}

static void a_cut_message_gives_no_rule_by_its_end(void **state)
{
	struct alert a = login;

	(void)state;
	a.cut = true;
	a.fingerprint = (struct slice)S(KEY);
	a.ca_fingerprint = (struct slice)S(CA);
	assert_offers(&a, "allow user=root from=203.0.113.9 key=" KEY "\n");
}

static void what_no_rule_can_allow_says_why(void **state)
{
	struct alert a = login;

	(void)state;
	assert_offers(&forged, "No whitelist line is offered: it was not written by sshd.\n");
	a.readable = false;
	assert_offers(&a, "No whitelist line is offered: the message could not be read.\n");
	a = login;
	a.ambiguous = true;
	assert_offers(&a,
		      "No whitelist line is offered: the address could be read at more than "
		      "one place of the message.\n");
	a = login;
	a.addr = (struct slice)S("UNKNOWN");
	assert_offers(&a, "No whitelist line is offered: sshd did not know the address.\n");
	a = login;
	a.user = (struct slice)S("a\"b");
	assert_offers(&a, "No whitelist line is offered: a whitelist cannot name this user.\n");
	a.user = (struct slice)S("a\xe2\x80\xae");
	assert_offers(&a, "No whitelist line is offered: a whitelist cannot name this user.\n");
	a.user = (struct slice)S("");
	assert_offers(&a, "No whitelist line is offered: a whitelist cannot name this user.\n");
}

static void a_forged_record_states_no_user_as_a_fact(void **state)
{
	(void)state;
	assert_text_of(&forged, 1, &plain,
		       "5 forged SSH login records by uid 1000\n"
		       "\n"
		       "host: web1\n"
		       "time: 2026-11-23 04:05:06 +0000 UTC\n"
		       "uid: 1000\n"
		       "command: logger\n"
		       "why: the record was written by uid 1000, not by sshd.\n"
		       "source: journal\n"
		       "\n"
		       "The log line:\n"
		       "Accepted password for root from 198.51.100.1 port 1 ssh2\n"
		       "\n"
		       "No whitelist line is offered: it was not written by sshd.\n");
}

static void a_gap_tells_its_interval(void **state)
{
	(void)state;
	assert_text_of(&gap, 1, &plain,
		       "log records were lost, 2026-11-23 03:00 to 04:05\n"
		       "\n"
		       "host: web1\n"
		       "since: 2026-11-23 03:00:06 +0000 UTC\n"
		       "until: 2026-11-23 04:05:06 +0000 UTC\n"
		       "lost: 17\n"
		       "why: the journal dropped messages.\n"
		       "source: journal\n");
}

static void without_logs_nothing_that_others_wrote_is_quoted(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	struct message_options options = plain;
	struct alert all[3] = {login, login, forged};

	(void)state;
	options.style = MESSAGE_NO_LOGS;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		all[i].message = (struct slice)S("Accepted BAIT");
		all[i].extra = (struct slice)S("BAIT");
		all[i].cert_id = (struct slice)S("BAIT");
		all[i].ca_fingerprint = (struct slice)S(CA);
		all[i].comm = (struct slice)S("BAIT");
	}
	all[1].ambiguous = true;
	all[1].user = all[2].user = (struct slice)S("BAIT");
	for (size_t n = 1; n <= ARRAY_SIZE(all); n++)
		for (size_t i = 0; i + n <= ARRAY_SIZE(all); i++) {
			char id[MESSAGE_ID_MAX];

			buffer_clear(&b);
			assert_int_equal(compose_message(all + i, n, &options, &b, id), 0);
			assert_null(strstr(buffer_cstr(&b), "BAIT"));
		}
	options.body_template = (struct slice)S("${message}");
	buffer_clear(&b);
	assert_string_equal(text_of(all, 1, &options, &b), "(log line left out)\n");
}

static void a_digest_begins_with_its_sums(void **state)
{
	static const char head[] =
		"13 SSH logins, 2 users, 2 addresses\n"
		"\n"
		"by user:\n"
		"12  backup\n"
		"1  root\n"
		"\n"
		"by address:\n"
		"12  192.0.2.1\n"
		"1  203.0.113.9\n"
		"\n"
		"--- 1 of 2 ---\n"
		"SSH login: root from 203.0.113.9\n";
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	struct alert all[2] = {login, login};

	(void)state;
	all[1].user = (struct slice)S("backup");
	all[1].addr = (struct slice)S("192.0.2.1");
	all[1].count = 12;
	assert_memory_equal(text_of(all, 2, &plain, &b), head, sizeof(head) - 1);
	assert_non_null(
		strstr(buffer_cstr(&b), "\n--- 2 of 2 ---\n12 further SSH logins: backup "));
}

static size_t count_of(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

static void behind_the_first_twenty_alerts_take_a_line_each(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	struct alert all[MESSAGE_FULL_ALERTS + 2];
	const char *text;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		all[i] = login;
	all[MESSAGE_FULL_ALERTS + 1] = gap;
	text = text_of(all, MESSAGE_FULL_ALERTS, &plain, &b);
	assert_int_equal(count_of(text, "\nuser: root\n"), MESSAGE_FULL_ALERTS);
	assert_null(strstr(text, "a line each"));
	buffer_clear(&b);
	text = text_of(all, ARRAY_SIZE(all), &plain, &b);
	assert_int_equal(count_of(text, "\nuser: root\n"), MESSAGE_FULL_ALERTS);
	text = strstr(text, "\n--- 21 to 22, a line each ---\n");
	assert_non_null(text);
	assert_string_equal(
		text,
		"\n--- 21 to 22, a line each ---\n"
		"2026-11-23 04:05:06 root from 203.0.113.9 by password\n"
		"2026-11-23 04:05:06 log records were lost, 2026-11-23 03:00 to 04:05\n");
}

static void templates_give_the_mail_of_the_old_script(void **state)
{
	struct message_options options = plain;
	struct alert all[3] = {login, gap, login};

	(void)state;
	set_subject(&options, "Server login from ${addr}");
	options.body_template = (struct slice)S("${message}");
	assert_subject_of(&login, 1, &options, "Server login from 203.0.113.9");
	assert_text_of(&login, 1, &options, "Accepted password for root\n");
	all[2].message = (struct slice)S("Accepted\nfor x");
	assert_subject_of(all, 3, &options, "Server login from 203.0.113.9 (and 1 more)");
	assert_text_of(
		all, 3, &options,
		"Accepted password for root\n"
		"2026-11-23 04:05:06 web1: log records were lost, 2026-11-23 03:00 to 04:05\n"
		"Accepted\\x0Afor x\n");
	set_subject(&options, "${count} logins");
	assert_subject_of(all, 3, &options, "2 logins");
	/* What is no login is told in the built-in words. */
	assert_subject_of(&gap, 1, &options,
			  "[web1] log records were lost, 2026-11-23 03:00 to 04:05");
	assert_subject_of(&forged, 1, &options, "[web1] 5 forged SSH login records by uid 1000");
}

static void a_long_template_gives_way_to_lines(void **state)
{
	enum { N = 1000 };
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	AUTO_FREE struct alert *all = calloc(N, sizeof(*all));
	AUTO_FREE char *template = malloc(10000);
	struct message_options options = plain;
	char id[MESSAGE_ID_MAX];

	(void)state;
	assert_non_null(all);
	assert_non_null(template);
	memset(template, '=', 10000);
	options.body_template = (struct slice){template, 10000};
	for (size_t i = 0; i < N; i++)
		all[i] = login;
	assert_int_equal(compose_message(all, N, &options, &b, id), 0);
	buffer_clear(&b);
	assert_int_equal(count_of(text_of(all, N, &options, &b), "====\n") +
				 count_of(b.data, "root from 203.0.113.9 by password\n"),
			 N);
}

static void templates_know_all_variables(void **state)
{
	struct message_options options = plain;
	struct alert a = login;

	(void)state;
	a.fingerprint = (struct slice)S(KEY);
	set_subject(&options,
		    "${user}|${addr}|${port}|${method}|${host}|${time}|${key}|"
		    "${message}|${count}|${event}|$$");
	assert_subject_of(&a, 1, &options,
			  "root|203.0.113.9|50022|password|web1|2026-11-23 04:05:06 +0000 UTC|" KEY
			  "|Accepted password for root|1|login|$");
	a.readable = false;
	set_subject(&options, "${user}|${addr}|${port}|${method}|${key}");
	assert_subject_of(&a, 1, &options, "unknown|unknown||unknown|");
}

static void a_note_comes_first(void **state)
{
	struct message_options options = plain;

	(void)state;
	options.note = "2 alerts were given up.\nSee loginbell queue.";
	options.body_template = (struct slice)S("user:\t${user}\r\n\x1b\n");
	assert_text_of(&login, 1, &options,
		       "2 alerts were given up.\nSee loginbell queue.\n\nuser:\troot\n\\x1B\n");
}

static void a_test_message_needs_no_alerts(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	struct message_options options = plain;
	char id[MESSAGE_ID_MAX], later[MESSAGE_ID_MAX];

	(void)state;
	options.test = true;
	set_subject(&options, "${user}");
	assert_subject_of(NULL, 0, &options, "[web1] loginbell: test message");
	assert_int_equal(compose_message(NULL, 0, &options, &b, id), 0);
	assert_non_null(strstr(buffer_cstr(&b), "\r\nX-Loginbell-Event: test\r\n"));
	assert_null(strstr(buffer_cstr(&b), "References:"));
	options.now_usec++;
	buffer_clear(&b);
	assert_int_equal(compose_message(NULL, 0, &options, &b, later), 0);
	assert_string_not_equal(id, later);
}

static void filters_hold_what_all_alerts_have_in_common(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	struct alert all[2] = {login, login};
	char id[MESSAGE_ID_MAX];

	(void)state;
	all[1].addr = (struct slice)S("192.0.2.1");
	assert_int_equal(compose_message(all, 2, &plain, &b, id), 0);
	assert_non_null(strstr(buffer_cstr(&b),
			       "\r\nX-Loginbell-Event: login\r\n"
			       "X-Loginbell-Host: web1\r\n"
			       "X-Loginbell-User: root\r\n"
			       "X-Loginbell-Method: password\r\n"
			       "X-Loginbell-Count: 2\r\n"
			       "X-Loginbell-Verdict: alert\r\n"));
	buffer_clear(&b);
	assert_int_equal(compose_message(&forged, 1, &plain, &b, id), 0);
	assert_non_null(strstr(buffer_cstr(&b),
			       "\r\nX-Loginbell-Event: forged\r\n"
			       "X-Loginbell-Host: web1\r\n"
			       "X-Loginbell-Count: 5\r\n"
			       "MIME-Version: 1.0\r\n"));
}

static void the_sequence_is_a_header_if_there_is_one(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	struct message_options options = plain;
	char id[MESSAGE_ID_MAX], later[MESSAGE_ID_MAX];

	(void)state;
	assert_int_equal(compose_message(&login, 1, &plain, &b, id), 0);
	assert_null(strstr(buffer_cstr(&b), "Sequence"));
	buffer_clear(&b);
	options.sequence = "0123456789abcdef0123456789abcdef [Mail] 17";
	assert_int_equal(compose_message(&login, 1, &options, &b, later), 0);
	assert_non_null(strstr(buffer_cstr(&b),
			       "\r\nX-Loginbell-Sequence: "
			       "0123456789abcdef0123456789abcdef [Mail] 17\r\n"));
	assert_string_equal(id, later);
}

static void only_to_replaces_the_recipients(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	struct message_options options = plain;
	char id[MESSAGE_ID_MAX];

	(void)state;
	options.only_to = "root";
	assert_int_equal(compose_message(&login, 1, &options, &b, id), 0);
	assert_non_null(strstr(buffer_cstr(&b), "\r\nTo: root@web1.example.org\r\n"));
	assert_null(strstr(b.data, "admin"));
}

static void without_from_it_is_loginbell_of_this_host(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(MESSAGE_MAX);
	struct config_destination other = destination;
	struct message_options options = plain;
	char id[MESSAGE_ID_MAX];

	(void)state;
	other.from = NULL;
	options.destination = &other;
	options.fqdn = "db.example.org";
	assert_int_equal(compose_message(&login, 1, &options, &b, id), 0);
	assert_non_null(strstr(buffer_cstr(&b), "\r\nFrom: loginbell@db.example.org\r\n"));
}

static void a_fingerprint_changes_with_each_setting(void **state)
{
	static char subject[] = "s", envelope[] = "bounces@example.org";
	const struct slice none = {NULL, 0}, text = S("body");
	struct config_destination other = destination;
	struct config limited = config;
	struct hash128 seen[5];

	(void)state;
	seen[0] = compose_fingerprint(&config, &destination, none);
	seen[1] = compose_fingerprint(&config, &destination, text);
	limited.max_per_mail = 2;
	seen[2] = compose_fingerprint(&limited, &destination, none);
	other.subject = subject;
	seen[3] = compose_fingerprint(&config, &other, none);
	other.subject = NULL;
	other.envelope_from = envelope;
	seen[4] = compose_fingerprint(&config, &other, none);
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		for (size_t k = 0; k < i; k++)
			assert_false(hash128_eq(seen[i], seen[k]));
	other.envelope_from = NULL;
	assert_true(hash128_eq(seen[0], compose_fingerprint(&config, &other, none)));
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(500);
	char id[MESSAGE_ID_MAX] = "as it was";

	(void)state;
	assert_int_equal(buffer_append_str(&b, "ab"), 0);
	assert_int_equal(compose_message(&login, 1, &plain, &b, id), -E2BIG);
	assert_string_equal(buffer_cstr(&b), "ab");
	assert_string_equal(id, "as it was");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_is_a_mail_byte_by_byte),
		cmocka_unit_test(subjects_tell_what_happened),
		cmocka_unit_test(long_values_are_shortened_in_the_subject_only),
		cmocka_unit_test(digests_count_in_singular_and_plural),
		cmocka_unit_test(five_minutes_are_a_delay),
		cmocka_unit_test(logins_that_the_log_joined_in_one_line_are_counted),
		cmocka_unit_test(local_time_and_utc_stand_where_they_differ),
		cmocka_unit_test(the_rule_is_as_narrow_as_the_login_lets_it_be),
		cmocka_unit_test(a_cut_message_gives_no_rule_by_its_end),
		cmocka_unit_test(what_no_rule_can_allow_says_why),
		cmocka_unit_test(a_forged_record_states_no_user_as_a_fact),
		cmocka_unit_test(a_gap_tells_its_interval),
		cmocka_unit_test(without_logs_nothing_that_others_wrote_is_quoted),
		cmocka_unit_test(a_digest_begins_with_its_sums),
		cmocka_unit_test(behind_the_first_twenty_alerts_take_a_line_each),
		cmocka_unit_test(templates_give_the_mail_of_the_old_script),
		cmocka_unit_test(a_long_template_gives_way_to_lines),
		cmocka_unit_test(templates_know_all_variables),
		cmocka_unit_test(a_note_comes_first),
		cmocka_unit_test(a_test_message_needs_no_alerts),
		cmocka_unit_test(filters_hold_what_all_alerts_have_in_common),
		cmocka_unit_test(the_sequence_is_a_header_if_there_is_one),
		cmocka_unit_test(only_to_replaces_the_recipients),
		cmocka_unit_test(without_from_it_is_loginbell_of_this_host),
		cmocka_unit_test(a_fingerprint_changes_with_each_setting),
		cmocka_unit_test(a_full_buffer_is_left_as_it_was),
	};

	return cmocka_run_group_tests(tests, zone_is_utc, NULL);
}
