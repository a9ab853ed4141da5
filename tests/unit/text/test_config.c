/* loginbell.conf(5): syntax, every key, what sections take from each other, and every refusal. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/timetext.h"
#include "text/config_keys.h"
#include "text/config_parser.h"

struct faults {
	char text[8192];
	size_t n;
};

static void add_fault(const struct error *fault, void *userdata)
{
	struct faults *f = userdata;
	size_t used = strlen(f->text);
	char line[1024];

	error_format(fault, line, sizeof(line));
	(void)snprintf(f->text + used, sizeof(f->text) - used, "%s\n", line);
	f->n++;
}

static struct config *parse_two(struct slice first, const char *second, struct faults *f)
{
	struct config_parser *p = config_parser_new(add_fault, f);
	struct config *c = NULL;
	struct error err = {.text = ""};
	char line[1024];
	int r;

	memset(f, 0, sizeof(*f));
	assert_non_null(p);
	assert_int_equal(config_parser_add(p, first, "a.conf"), 0);
	if (second)
		assert_int_equal(config_parser_add(p, slice_of(second), "b.conf"), 0);
	r = config_parser_finish(&p, &c, &err);
	if (f->n > 0) {
		assert_int_equal(r, CONFIG_E_INVALID);
		assert_null(c);
		/* The first fault is the one in *err. */
		error_format(&err, line, sizeof(line));
		assert_int_equal(strncmp(f->text, line, strlen(line)), 0);
	} else {
		assert_int_equal(r, 0);
		assert_non_null(c);
	}
	(void)config_parser_free(p);
	return c;
}

static struct config *parse(const char *text)
{
	struct faults f;
	struct config *c = parse_two(slice_of(text), NULL, &f);

	assert_string_equal(f.text, "");
	return c;
}

static void refused(const char *text, const char *expected)
{
	struct faults f;

	assert_null(parse_two(slice_of(text), NULL, &f));
	assert_string_equal(f.text, expected);
}

/* The list as one text, its items in "<…>". */
static void list_is(const struct config_list *l, const char *expected)
{
	char text[1024] = "";
	size_t used = 0;

	for (size_t i = 0; i < l->n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "<%s>", l->items[i]);
	assert_string_equal(text, expected);
	if (l->n > 0)
		assert_null(l->items[l->n]);
}

#define EVENTS_DEFAULT (1U << ALERT_LOGIN | 1U << ALERT_FORGED | 1U << ALERT_GAP)

static void empty_configuration_has_all_defaults(void **state)
{
	AUTO_CONFIG struct config *c = parse("");
	const struct config_destination *d;

	(void)state;
	assert_int_equal(c->source_kind, CONFIG_SOURCE_AUTO);
	assert_null(c->directory);
	assert_null(c->log_file);
	list_is(&c->programs, "<sshd><sshd-session><dropbear>");
	list_is(&c->methods, "");
	assert_null(c->pattern);
	assert_null(c->pattern_file);
	assert_int_equal(c->pattern_line, 0);
	list_is(&c->whitelist_files,
		"</etc/loginbell/whitelist></etc/loginbell/whitelist.d/*.rules>");
	assert_true(c->whitelist_is_default);
	assert_int_equal(c->events, EVENTS_DEFAULT);
	assert_int_equal(c->interval_usec, USEC_PER_MIN);
	assert_int_equal(c->repeat_interval_usec, USEC_PER_HOUR);
	assert_int_equal(c->give_up_after_usec, 7 * USEC_PER_DAY);
	assert_int_equal(c->max_per_mail, 1000);

	assert_int_equal(c->n_destinations, 1);
	d = &c->destinations[0];
	assert_string_equal(d->name, "");
	list_is(&d->to, "<root>");
	assert_int_equal(d->n_servers, 1);
	assert_string_equal(d->servers[0].url, "smtp://localhost");
	assert_int_equal(d->servers[0].tls, CONFIG_TLS_OPPORTUNISTIC);
	assert_int_equal(d->servers[0].tls_minimum, CONFIG_TLS_1_2);
	assert_null(d->servers[0].ca_file);
	assert_null(d->servers[0].pinned_key);
	assert_null(d->servers[0].client_cert);
	assert_null(d->servers[0].client_key);
	assert_null(d->servers[0].user);
	assert_null(d->servers[0].password_file);
	assert_null(d->servers[0].auth);
	assert_null(d->from);
	assert_null(d->envelope_from);
	assert_null(d->ehlo_name);
	assert_int_equal(d->timeout_usec, 5 * USEC_PER_MIN);
	assert_null(d->subject);
	assert_null(d->body_file);
	assert_int_equal(d->events, EVENTS_DEFAULT);
}

static void every_key_is_read(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Source]\nKind=journal\nDirectory=/var/log/journal/remote\n"
		      "LogFile=/var/log/auth.log\nPrograms=sshd my-sshd\n"
		      "[Match]\nMethods=password publickey\nPattern=for (root|admin) from\n"
		      "[Whitelist]\nFile=/etc/a /etc/b.d/*\n"
		      "[Mail]\nTo=ops@example.org root\nServer=smtps://mx.example.org:4465\n"
		      "From=bell@example.org\nEnvelopeFrom=bounce@example.org\nTls=required\n"
		      "TlsMinimum=1.3\nCaFile=/etc/ca.pem\nPinnedKey=/etc/pin.pem\n"
		      "ClientCert=/etc/c.pem\nClientKey=/etc/k.pem\nUser=bell\n"
		      "PasswordFile=/etc/pw\nAuth=PLAIN\nEhloName=web1.example.org\n"
		      "Timeout=1min 30s\nSubject=Login from ${addr} # here\n"
		      "BodyFile=/etc/body\nEvents=login instance\n"
		      "[Alert]\nEvents=gap\nInterval=0\nRepeatInterval=2h\nMaxPerMail=1\n"
		      "Heartbeat=off\nGiveUpAfter=infinity\n");
	const struct config_destination *d = &c->destinations[0];
	const struct config_server *s = &d->servers[0];

	(void)state;
	assert_int_equal(c->source_kind, CONFIG_SOURCE_JOURNAL);
	assert_string_equal(c->directory, "/var/log/journal/remote");
	assert_string_equal(c->log_file, "/var/log/auth.log");
	list_is(&c->programs, "<sshd><my-sshd>");
	list_is(&c->methods, "<password><publickey>");
	assert_string_equal(c->pattern, "for (root|admin) from");
	assert_string_equal(c->pattern_file, "a.conf");
	assert_int_equal(c->pattern_line, 8);
	list_is(&c->whitelist_files, "</etc/a></etc/b.d/*>");
	assert_false(c->whitelist_is_default);
	list_is(&d->to, "<ops@example.org><root>");
	assert_int_equal(d->n_servers, 1);
	assert_string_equal(s->url, "smtps://mx.example.org:4465");
	assert_string_equal(d->from, "bell@example.org");
	assert_string_equal(d->envelope_from, "bounce@example.org");
	assert_int_equal(s->tls, CONFIG_TLS_REQUIRED);
	assert_int_equal(s->tls_minimum, CONFIG_TLS_1_3);
	assert_string_equal(s->ca_file, "/etc/ca.pem");
	assert_string_equal(s->pinned_key, "/etc/pin.pem");
	assert_string_equal(s->client_cert, "/etc/c.pem");
	assert_string_equal(s->client_key, "/etc/k.pem");
	assert_string_equal(s->user, "bell");
	assert_string_equal(s->password_file, "/etc/pw");
	assert_string_equal(s->auth, "PLAIN");
	assert_string_equal(d->ehlo_name, "web1.example.org");
	assert_int_equal(d->timeout_usec, 90 * USEC_PER_SEC);
	assert_string_equal(d->subject, "Login from ${addr} # here");
	assert_string_equal(d->body_file, "/etc/body");
	assert_int_equal(d->events, 1U << ALERT_LOGIN | 1U << ALERT_INSTANCE);
	assert_int_equal(c->events, 1U << ALERT_GAP);
	assert_int_equal(c->interval_usec, 0);
	assert_int_equal(c->repeat_interval_usec, 2 * USEC_PER_HOUR);
	assert_int_equal(c->max_per_mail, 1);
	assert_int_equal(c->give_up_after_usec, UINT64_MAX);
}

/* "Section.Key", of every section and each of its keys; NULL after the last. */
static const char *listed_key(size_t i)
{
	static char name[64];

	for (size_t s = 0; s < CONFIG_SECTION_KINDS; s++)
		for (size_t k = 0; k < CONFIG_KEY_COUNT; k++)
			if (config_key_table[k].sections & 1U << s && i-- == 0) {
				(void)snprintf(name, sizeof(name), "%s.%s", config_section_names[s],
					       config_key_table[k].name);
				return name;
			}
	return NULL;
}

static void every_listed_key_is_known_and_may_be_reset(void **state)
{
	(void)state;
	for (size_t i = 0; listed_key(i); i++) {
		const char *key = listed_key(i), *dot = strchr(key, '.');
		int n = (int)(dot - key);
		char text[256];

		(void)snprintf(text, sizeof(text), "[Mail \"x\"]\nServer=smtp://a\n[%.*s%s]\n%s=\n",
			       n, key, strncmp(key, "Server.", 7) == 0 ? " \"smtp://a\"" : "",
			       dot + 1);
		(void)config_free(parse(text));
	}
}

static void syntax_trims_and_skips_what_systemd_skips(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("\xef\xbb\xbf# a comment\n; another\n\n   # a third\n  [Mail]  \r\n"
		      "\t To \t=\t a@example.org \t\r\n  From=b@example.org");

	(void)state;
	list_is(&c->destinations[0].to, "<a@example.org>");
	assert_string_equal(c->destinations[0].from, "b@example.org");
}

static void backslash_joins_lines_over_comments(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Mail]\nTo=a@example.org\\\n"
		      "# this line is ignored\n"
		      " ; this too\\\n"
		      "  b@example.org \\\r\n"
		      "c@example.org\n"
		      "Subject=one\\\n  two\n"
		      "[Match]\n# \\\nPattern=a\\\\\n"
		      "Methods=password\\\n\n"
		      "[Alert]\nMaxPerMail=7\\");

	(void)state;
	list_is(&c->destinations[0].to, "<a@example.org><b@example.org><c@example.org>");
	assert_string_equal(c->destinations[0].subject, "one   two");
	assert_string_equal(c->pattern, "a\\\\");
	assert_int_equal(c->pattern_line, 11);
	list_is(&c->methods, "<password>");
	assert_int_equal(c->max_per_mail, 7);
}

static void fault_is_named_by_the_line_where_it_begins(void **state)
{
	(void)state;
	refused("\n[Mail]\n\nTo=a@example.org \\\n# x\n -b\\\n\n\nFoo=1\n",
		"a.conf:4: To=: \"-b\" is not a mail address: a \"-\" at the beginning would be an "
		"option of sendmail\n"
		"a.conf:9: unknown key Foo= in [Mail]\n");
}

static void repeated_list_adds_and_empty_resets(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Mail]\nTo=a\nTo=b a c\n"
		      "[Whitelist]\nFile=/a\nFile=\n"
		      "[Source]\nPrograms=x\nPrograms=\nPrograms=y z\n"
		      "[Alert]\nEvents=login\nEvents=gap\n"
		      "[Match]\nMethods=password\nMethods=\n");

	(void)state;
	list_is(&c->destinations[0].to, "<a><b><c>");
	list_is(&c->whitelist_files,
		"</etc/loginbell/whitelist></etc/loginbell/whitelist.d/*.rules>");
	assert_true(c->whitelist_is_default);
	list_is(&c->programs, "<y><z>");
	assert_int_equal(c->events, 1U << ALERT_LOGIN | 1U << ALERT_GAP);
	list_is(&c->methods, "");
}

static void reset_events_are_the_default_ones_again(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Alert]\nEvents=instance\nEvents=\n"
		      "[Mail]\nEvents=instance\nEvents=\nEvents=gap\n");

	(void)state;
	assert_int_equal(c->events, EVENTS_DEFAULT);
	assert_int_equal(c->destinations[0].events, 1U << ALERT_GAP);
}

static void repeated_single_key_overrides_and_empty_resets(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Alert]\nInterval=5\nInterval=7s\nMaxPerMail=3\n"
		      "MaxPerMail=\n[Mail]\nSubject=a\nSubject=b\n"
		      "From=a@example.org\nFrom=\n[Alert]\nInterval=9s\n");

	(void)state;
	assert_int_equal(c->interval_usec, 9 * USEC_PER_SEC);
	assert_int_equal(c->max_per_mail, 1000);
	assert_string_equal(c->destinations[0].subject, "b");
	assert_null(c->destinations[0].from);
}

static void later_file_adds_to_and_overrides_the_earlier(void **state)
{
	struct faults f;
	AUTO_CONFIG struct config *c = parse_two(
		SLICE_LITERAL("[Mail]\nTo=a\nFrom=x\n[Match]\nPattern=p\n[Mail \"n\"]\nTo=n1\n"),
		"[Mail \"n\"]\nTo=n2\n[Match]\n\nPattern=q\n[Mail]\nTo=b\nFrom=y\n", &f);

	(void)state;
	assert_string_equal(f.text, "");
	list_is(&c->destinations[0].to, "<a><b>");
	assert_string_equal(c->destinations[0].from, "y");
	assert_string_equal(c->pattern, "q");
	assert_string_equal(c->pattern_file, "b.conf");
	assert_int_equal(c->pattern_line, 5);
	list_is(&c->destinations[1].to, "<n1><n2>");
}

static void file_does_not_go_on_in_the_section_of_the_one_before(void **state)
{
	struct faults f;

	(void)state;
	assert_null(parse_two(SLICE_LITERAL("[Mail]\n"), "To=a\n", &f));
	assert_string_equal(f.text, "b.conf:1: To= is before the first [Section]\n");
}

static void list_values_may_be_quoted(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Whitelist]\nFile=\"/a b\" '/c \"d' /e\\f\n"
		      "[Mail]\nUser=\"bell\"\n");

	(void)state;
	list_is(&c->whitelist_files, "</a b></c \"d></e\\f>");
	assert_string_equal(c->destinations[0].servers[0].user, "\"bell\"");
	refused("[Whitelist]\nFile=\"/a\nFile='\nFile=\"/a\"b\nFile=\"\"\nFile=/a /b # c\nFile=;\n",
		"a.conf:2: File=: a quote is not closed\n"
		"a.conf:3: File=: a quote is not closed\n"
		"a.conf:4: File=: quotes go around a whole value\n"
		"a.conf:5: File=: a value in quotes is empty\n"
		"a.conf:6: File=: a comment takes a line of its own\n"
		"a.conf:7: File=: a comment takes a line of its own\n");
}

static void what_is_no_line_of_the_syntax_is_refused(void **state)
{
	(void)state;
	refused("To=a\n", "a.conf:1: To= is before the first [Section]\n");
	refused("[Mail]\nTo\n=a\n",
		"a.conf:2: expected [Section], Key=value or a comment\n"
		"a.conf:3: there is no key before the \"=\"\n");
	refused("[Mail] # x\nTo=-\n",
		"a.conf:1: expected \"]\" at the end of the line (a comment needs a line of its "
		"own)\n");
	refused("[\n",
		"a.conf:1: expected \"]\" at the end of the line (a comment needs a line of its "
		"own)\n");
	refused("[]\n", "a.conf:1: unknown section []\n");
	refused("[Mail \"a]\n", "a.conf:1: a section with a name is written [Section \"NAME\"]\n");
	refused("[Mail\"a\"]\n", "a.conf:1: a section with a name is written [Section \"NAME\"]\n");
	refused("[Mail \"a\" ]\n",
		"a.conf:1: a section with a name is written [Section \"NAME\"]\n");
	refused("[Mail \"a\"b\"]\n",
		"a.conf:1: a section with a name is written [Section \"NAME\"]\n");
	refused("[Mail \"]\n", "a.conf:1: a section with a name is written [Section \"NAME\"]\n");
}

static void text_that_is_not_clean_is_refused(void **state)
{
	struct faults f;

	(void)state;
	refused("[Mail]\nSubject=a\xc3(\nSubject=a\x01"
		"b\nSubject=\xed\xa0\x80\nSubject=\xc0\xaf\n"
		"Subject=\xf4\x90\x80\x80\nSubject=\xf0\x8f\xbf\xbf\nSubject=\xe2\x82\nTo=a\rb\n",
		"a.conf:2: not valid UTF-8 (byte 0xc3)\n"
		"a.conf:3: control character 0x01\n"
		"a.conf:4: not valid UTF-8 (byte 0xed)\n"
		"a.conf:5: not valid UTF-8 (byte 0xc0)\n"
		"a.conf:6: not valid UTF-8 (byte 0xf4)\n"
		"a.conf:7: not valid UTF-8 (byte 0xf0)\n"
		"a.conf:8: not valid UTF-8 (byte 0xe2)\n"
		"a.conf:9: control character 0x0d\n");
	assert_null(parse_two(SLICE_LITERAL("[Mail]\nTo=a\0b\n"), NULL, &f));
	assert_string_equal(f.text, "a.conf:2: control character 0x00\n");
	(void)config_free(
		parse("[Mail]\nSubject=\xed\x9f\xbf \xf4\x8f\xbf\xbf \xe0\xa0\x80 \xc2\x80\n"));
}

static void unknown_sections_and_keys_are_refused_once_each(void **state)
{
	(void)state;
	refused("[mail]\nTo=-\n[Foo \"x\"]\nBar=1\nBaz=2\n[Mail]\nto=a\nInterval=5\nMethod=x\n"
		"[Alert]\ntls=none\n[Server \"smtp://a\"]\nTo=a\n",
		"a.conf:1: unknown section [mail]\n"
		"a.conf:3: unknown section [Foo]\n"
		"a.conf:7: unknown key to= in [Mail]; there is To= in [Mail]\n"
		"a.conf:8: unknown key Interval= in [Mail]; there is Interval= in [Alert]\n"
		"a.conf:9: unknown key Method= in [Mail]\n"
		"a.conf:11: unknown key tls= in [Alert]; there is Tls= in [Mail]\n"
		"a.conf:13: unknown key To= in [Server]; there is To= in [Mail]\n");
	refused("[Source \"x\"]\nFoo=1\n", "a.conf:1: [Source] has no name\n");
	refused("[Server]\nFoo=1\n", "a.conf:1: [Server] needs a URL: [Server \"smtp://HOST\"]\n");
}

static void what_is_not_implemented_is_refused_as_such(void **state)
{
	(void)state;
	refused("[Webhook \"x\"]\nUrl=https://example.org/\n[Webhook]\n",
		"a.conf:1: webhooks are not implemented in this version\n"
		"a.conf:3: webhooks are not implemented in this version\n");
}

static void a_heartbeat_goes_to_all_but_who_named_other_kinds(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Mail]\nEvents=login\n[Mail \"like\"]\nTo=like@example.org\n"
		      "[Mail \"pager\"]\nEvents=login gap\n"
		      "[Mail \"boss\"]\nEvents=heartbeat\n[Alert]\nHeartbeat=daily\n");
	AUTO_CONFIG struct config *off = parse("[Alert]\nHeartbeat=daily\nHeartbeat=no\n");

	(void)state;
	assert_true(c->heartbeat);
	assert_int_equal(c->destinations[0].events, 1U << ALERT_LOGIN | 1U << ALERT_HEARTBEAT);
	assert_int_equal(c->destinations[1].events, 1U << ALERT_LOGIN | 1U << ALERT_HEARTBEAT);
	assert_int_equal(c->destinations[2].events, 1U << ALERT_LOGIN | 1U << ALERT_GAP);
	assert_int_equal(c->destinations[3].events, 1U << ALERT_HEARTBEAT);
	assert_false(off->heartbeat);
	assert_false(off->destinations[0].events & 1U << ALERT_HEARTBEAT);
	refused("[Alert]\nHeartbeat=weekly\n",
		"a.conf:2: Heartbeat=: \"weekly\" is none of off, no, false, 0, daily\n");
}

static void wrong_words_and_numbers_are_refused(void **state)
{
	(void)state;
	refused("[Source]\nKind=File\nDirectory=log\nPrograms=/usr/sbin/sshd\n"
		"[Match]\nMethods=publickey pubkey passwort\n"
		"[Alert]\nEvents=login logout\nInterval=1x\nInterval=infinity\nInterval=1min # c\n"
		"RepeatInterval=-1\nMaxPerMail=0\nMaxPerMail=10001\nMaxPerMail=1e3\nGiveUpAfter=0\n"
		"[Mail]\nTimeout=0\nTimeout=999ms\nTimeout=86401\nTimeout=infinity\nTls=yes\n"
		"TlsMinimum=1.4\nAuth=plain\nSubject=${foo}\nBodyFile=x\n",
		"a.conf:2: Kind=: \"File\" is none of auto, journal, file\n"
		"a.conf:3: Directory=: \"log\" is not an absolute path\n"
		"a.conf:4: Programs=: \"/usr/sbin/sshd\" is not the name of a program as the log "
		"has it\n"
		"a.conf:6: Methods=: \"pubkey\" is no authentication method of OpenSSH or "
		"Dropbear\n"
		"a.conf:6: Methods=: \"passwort\" is no authentication method of OpenSSH or "
		"Dropbear\n"
		"a.conf:8: Events=: \"logout\" is none of login, forged, gap, instance, heartbeat\n"
		"a.conf:9: Interval=: \"1x\" is not a time span, as \"1min 30s\"\n"
		"a.conf:10: Interval=: \"infinity\" is not possible here\n"
		"a.conf:11: Interval=: \"1min # c\" is not a time span, as \"1min 30s\"\n"
		"a.conf:12: RepeatInterval=: \"-1\" is not a time span, as \"1min 30s\"\n"
		"a.conf:13: MaxPerMail=: \"0\" is not a number from 1 to 10000\n"
		"a.conf:14: MaxPerMail=: \"10001\" is not a number from 1 to 10000\n"
		"a.conf:15: MaxPerMail=: \"1e3\" is not a number from 1 to 10000\n"
		"a.conf:16: GiveUpAfter=: \"0\" is less than 1s\n"
		"a.conf:18: Timeout=: \"0\" is less than 1s\n"
		"a.conf:19: Timeout=: \"999ms\" is less than 1s\n"
		"a.conf:20: Timeout=: \"86401\" is more than 1d\n"
		"a.conf:21: Timeout=: \"infinity\" is not possible here\n"
		"a.conf:22: Tls=: \"yes\" is none of auto, none, opportunistic, required\n"
		"a.conf:23: TlsMinimum=: \"1.4\" is none of 1.0, 1.1, 1.2, 1.3\n"
		"a.conf:24: Auth=: \"plain\" is none of PLAIN, LOGIN, CRAM-MD5, DIGEST-MD5, "
		"SCRAM-SHA-1, SCRAM-SHA-256, NTLM\n"
		"a.conf:25: Subject=: unknown variable \"${foo}\"\n"
		"a.conf:26: BodyFile=: \"x\" is not an absolute path\n");
}

static void boundaries_of_numbers_are_taken(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Alert]\nMaxPerMail=10000\nGiveUpAfter=1s\n"
		      "RepeatInterval=0\n[Mail]\nTimeout=1d\n"
		      "[Mail \"x\"]\nTimeout=1\n");

	(void)state;
	assert_int_equal(c->max_per_mail, 10000);
	assert_int_equal(c->give_up_after_usec, USEC_PER_SEC);
	assert_int_equal(c->repeat_interval_usec, 0);
	assert_int_equal(c->destinations[0].timeout_usec, USEC_PER_DAY);
	assert_int_equal(c->destinations[1].timeout_usec, USEC_PER_SEC);
}

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10

static bool takes_address(const char *address)
{
	char text[1024];
	struct faults f;
	struct config *c;

	(void)snprintf(text, sizeof(text), "[Mail]\nFrom=%s\n", address);
	c = parse_two(slice_of(text), NULL, &f);
	if (c)
		assert_string_equal(c->destinations[0].from, address);
	else
		assert_int_equal(f.n, 1);
	return config_free(c) == NULL && f.n == 0;
}

static void addresses_are_addr_specs_in_ascii(void **state)
{
	static const char *const good[] = {
		"root",
		"a@b",
		"first.last+tag@mail.example.org",
		"!#$%&'*+/=?^_`{|}~-@example.org",
		"a@[192.0.2.1]",
		"a@[IPv6:2001:db8::1]",
		"a@my_host.example.org",
		"a@xn--bcher-kva.example",
		"#@example.org",
		A60 "aaaa@example.org",
		"a@" A60 "aaa.example",
	};
	static const char *const bad[] = {
		"-a@example.org",
		"-oQ/tmp",
		"@example.org",
		"a@",
		".a@b",
		"a.@b",
		"a..b@c",
		"a b@example.org",
		"Bob <a@example.org>",
		"<a@example.org>",
		"\"a b\"@example.org",
		"a@b@c",
		"a,b@example.org",
		"a@example.org,",
		"a@-b",
		"a@b-",
		"a@example.org.",
		"a@b..c",
		"a@.b",
		"a@..",
		"a@.",
		"a@192.0.2.1",
		"a@[192.0.2]",
		"a@[::1]",
		"a@[IPv6:]",
		"a@[]",
		"a@[",
		"a@b:25",
		"b\xc3\xbc"
		"cher@example.org",
		"a@b\xc3\xbc"
		"cher.example",
		"a\\b@c",
		"a;b@c",
		"a(c)@b",
		A60 "aaaaa@example.org",
		"a@" A60 "aaaa.example",
		"a@" A60 "." A60 "." A60 "." A60 "." A10,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!takes_address(good[i]))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (takes_address(bad[i]))
			fail_msg("taken: %s", bad[i]);
}

static void address_of_254_characters_is_the_longest(void **state)
{
	(void)state;
	/* 64 + 1 + 60 + 1 + 60 + 1 + 60 + 7 */
	assert_true(takes_address(A60 "aaaa@" A60 "." A60 "." A60 ".aaaaaa"));
	assert_false(takes_address(A60 "aaaa@" A60 "." A60 "." A60 ".aaaaaaa"));
}

/* The server's URL in its one form, or why it is refused. */
static void url_is(const char *url, const char *expected, enum config_tls tls)
{
	char text[1024];
	struct faults f;
	AUTO_CONFIG struct config *c = NULL;

	(void)snprintf(text, sizeof(text), "[Mail]\nServer=%s\n", url);
	c = parse_two(slice_of(text), NULL, &f);
	assert_string_equal(f.text, "");
	assert_int_equal(c->destinations[0].n_servers, 1);
	assert_string_equal(c->destinations[0].servers[0].url, expected);
	assert_int_equal(c->destinations[0].servers[0].tls, tls);
}

static void urls_come_in_one_form_and_tls_follows_the_host(void **state)
{
	(void)state;
	url_is("smtp://localhost", "smtp://localhost", CONFIG_TLS_OPPORTUNISTIC);
	url_is("SMTP://LocalHost:25", "smtp://localhost", CONFIG_TLS_OPPORTUNISTIC);
	url_is("smtp://localhost:2525", "smtp://localhost:2525", CONFIG_TLS_OPPORTUNISTIC);
	url_is("smtp://127.0.0.1", "smtp://127.0.0.1", CONFIG_TLS_OPPORTUNISTIC);
	url_is("smtp://127.255.255.255:1", "smtp://127.255.255.255:1", CONFIG_TLS_OPPORTUNISTIC);
	url_is("smtp://[::1]:65535", "smtp://[::1]:65535", CONFIG_TLS_OPPORTUNISTIC);
	url_is("smtp://[0:0::1]", "smtp://[::1]", CONFIG_TLS_OPPORTUNISTIC);
	url_is("smtp://128.0.0.1", "smtp://128.0.0.1", CONFIG_TLS_REQUIRED);
	url_is("smtp://126.255.255.255", "smtp://126.255.255.255", CONFIG_TLS_REQUIRED);
	url_is("smtp://[::2]", "smtp://[::2]", CONFIG_TLS_REQUIRED);
	url_is("smtp://[2001:DB8::25]:0587", "smtp://[2001:db8::25]:587", CONFIG_TLS_REQUIRED);
	url_is("smtp://localhost.example.org", "smtp://localhost.example.org", CONFIG_TLS_REQUIRED);
	url_is("smtp://127.0.0.1.example.org", "smtp://127.0.0.1.example.org", CONFIG_TLS_REQUIRED);
	url_is("smtp://Mail.Example.org:465", "smtp://mail.example.org:465", CONFIG_TLS_REQUIRED);
	url_is("smtps://mail.example.org:465", "smtps://mail.example.org", CONFIG_TLS_REQUIRED);
	url_is("smtp://Mail.Example.org.", "smtp://mail.example.org.", CONFIG_TLS_REQUIRED);
	url_is("smtp://localhost.", "smtp://localhost.", CONFIG_TLS_REQUIRED);
	url_is("smtps://localhost:25", "smtps://localhost:25", CONFIG_TLS_REQUIRED);
	url_is("sendmail:/usr/sbin/sendmail", "sendmail:/usr/sbin/sendmail", CONFIG_TLS_NONE);
}

static void wrong_urls_are_refused_with_the_reason(void **state)
{
	(void)state;
	refused("[Mail]\nServer=localhost http://a\nServer=smtp:// smtp://a:0 smtp://a:65536 "
		"smtp://a: smtp://a/ smtp://a/x smtp://a?x smtp://u:p@a smtp://::1 smtp://[::1 "
		"smtp://[::1]x smtp://[192.0.2.1] smtp://192.0.2.256 smtp://-a smtp://a%2f "
		"sendmail: sendmail:sendmail smtp:a smtps://[]:1\n",
		"a.conf:2: Server=: \"localhost\" is none of smtp://HOST[:PORT], "
		"smtps://HOST[:PORT], sendmail:/PATH\n"
		"a.conf:2: Server=: \"http://a\" is none of smtp://HOST[:PORT], "
		"smtps://HOST[:PORT], sendmail:/PATH\n"
		"a.conf:3: Server=: \"smtp://\" is not a server's URL: the host is neither a name "
		"nor an address\n"
		"a.conf:3: Server=: \"smtp://a:0\" is not a server's URL: a port is a number from "
		"1 to 65535\n"
		"a.conf:3: Server=: \"smtp://a:65536\" is not a server's URL: a port is a number "
		"from 1 to 65535\n"
		"a.conf:3: Server=: \"smtp://a:\" is not a server's URL: a port is a number from "
		"1 to 65535\n"
		"a.conf:3: Server=: \"smtp://a/\" is not a server's URL: nothing may follow the "
		"host and its port\n"
		"a.conf:3: Server=: \"smtp://a/x\" is not a server's URL: nothing may follow the "
		"host and its port\n"
		"a.conf:3: Server=: \"smtp://a?x\" is not a server's URL: nothing may follow the "
		"host and its port\n"
		"a.conf:3: Server=: \"smtp://u:p@a\" is not a server's URL: write user and "
		"password into User= and PasswordFile=\n"
		"a.conf:3: Server=: \"smtp://::1\" is not a server's URL: an IPv6 address must "
		"be in \"[\" and \"]\"\n"
		"a.conf:3: Server=: \"smtp://[::1\" is not a server's URL: the \"]\" is missing\n"
		"a.conf:3: Server=: \"smtp://[::1]x\" is not a server's URL: only a port may "
		"follow the \"]\"\n"
		"a.conf:3: Server=: \"smtp://[192.0.2.1]\" is not a server's URL: the host is "
		"neither a name nor an address\n"
		"a.conf:3: Server=: \"smtp://192.0.2.256\" is not a server's URL: the host is "
		"neither a name nor an address\n"
		"a.conf:3: Server=: \"smtp://-a\" is not a server's URL: the host is neither a "
		"name nor an address\n"
		"a.conf:3: Server=: \"smtp://a%2f\" is not a server's URL: the host is neither a "
		"name nor an address\n"
		"a.conf:3: Server=: \"sendmail:\" is not a server's URL: expected an absolute "
		"path\n"
		"a.conf:3: Server=: \"sendmail:sendmail\" is not a server's URL: expected an "
		"absolute "
		"path\n"
		"a.conf:3: Server=: \"smtp:a\" is none of smtp://HOST[:PORT], "
		"smtps://HOST[:PORT], sendmail:/PATH\n"
		"a.conf:3: Server=: \"smtps://[]:1\" is not a server's URL: the host is neither a "
		"name nor an address\n");
}

static void pinned_keys_are_files_or_hashes(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Mail]\nPinnedKey=sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;"
		      "sha256//a+/9AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");

	(void)state;
	assert_string_equal(c->destinations[0].servers[0].pinned_key,
			    "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;"
			    "sha256//a+/9AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	refused("[Mail]\nPinnedKey=sha256//AAAA=\nPinnedKey=key.pem\n"
		"PinnedKey=sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;\n",
		"a.conf:2: PinnedKey=: \"sha256//AAAA=\" is neither an absolute path nor "
		"\"sha256//BASE64\"\n"
		"a.conf:3: PinnedKey=: \"key.pem\" is neither an absolute path nor "
		"\"sha256//BASE64\"\n"
		"a.conf:4: PinnedKey=: \"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;\" "
		"is neither an absolute path nor \"sha256//BASE64\"\n");
}

static void named_mail_takes_from_mail_what_it_does_not_say(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Mail \"pager\"]\nTo=pager@example.org\nEvents=login\n"
		      "[Mail]\nTo=ops@example.org\nServer=smtp://a smtp://b\nFrom=f@example.org\n"
		      "TlsMinimum=1.3\nTimeout=7s\nCaFile=/ca\n"
		      "[Mail \"night\"]\nServer=smtp://localhost\nTimeout=\n"
		      "[Alert]\nEvents=gap\n");

	(void)state;
	assert_int_equal(c->n_destinations, 3);
	assert_string_equal(c->destinations[0].name, "");
	list_is(&c->destinations[0].to, "<ops@example.org>");
	assert_int_equal(c->destinations[0].events, 1U << ALERT_GAP);
	assert_string_equal(c->destinations[1].name, "pager");
	list_is(&c->destinations[1].to, "<pager@example.org>");
	assert_int_equal(c->destinations[1].events, 1U << ALERT_LOGIN);
	assert_int_equal(c->destinations[1].n_servers, 2);
	assert_string_equal(c->destinations[1].servers[1].url, "smtp://b");
	assert_int_equal(c->destinations[1].servers[1].tls_minimum, CONFIG_TLS_1_3);
	assert_string_equal(c->destinations[1].from, "f@example.org");
	assert_string_equal(c->destinations[2].name, "night");
	list_is(&c->destinations[2].to, "<ops@example.org>");
	assert_int_equal(c->destinations[2].n_servers, 1);
	assert_string_equal(c->destinations[2].servers[0].url, "smtp://localhost");
	assert_int_equal(c->destinations[2].servers[0].tls, CONFIG_TLS_OPPORTUNISTIC);
	assert_string_equal(c->destinations[2].servers[0].ca_file, "/ca");
	assert_int_equal(c->destinations[2].timeout_usec, 7 * USEC_PER_SEC);
}

static void named_mail_without_mail_has_the_defaults(void **state)
{
	AUTO_CONFIG struct config *c = parse("[Mail \"x\"]\nTo=a\n");

	(void)state;
	assert_int_equal(c->n_destinations, 2);
	list_is(&c->destinations[0].to, "<root>");
	list_is(&c->destinations[1].to, "<a>");
	assert_string_equal(c->destinations[1].servers[0].url, "smtp://localhost");
}

static void destination_names_are_safe_as_file_names(void **state)
{
	AUTO_CONFIG struct config *c = parse("[Mail \"Az.09_-\"]\n[Mail \"" A60 "aaaa\"]\n");

	(void)state;
	assert_int_equal(c->n_destinations, 3);
	refused("[Mail \"\"]\n[Mail \"a/b\"]\n[Mail \".a\"]\n[Mail \"-a\"]\n[Mail \"a b\"]\n",
		"a.conf:1: the name \"\" is not made of 1 to 64 letters, digits, \"_\", \"-\" and "
		"\".\", beginning with none of the last two\n"
		"a.conf:2: the name \"a/b\" is not made of 1 to 64 letters, digits, \"_\", \"-\" "
		"and \".\", beginning with none of the last two\n"
		"a.conf:3: the name \".a\" is not made of 1 to 64 letters, digits, \"_\", \"-\" "
		"and "
		"\".\", beginning with none of the last two\n"
		"a.conf:4: the name \"-a\" is not made of 1 to 64 letters, digits, \"_\", \"-\" "
		"and "
		"\".\", beginning with none of the last two\n"
		"a.conf:5: the name \"a b\" is not made of 1 to 64 letters, digits, \"_\", \"-\" "
		"and \".\", beginning with none of the last two\n");
	refused("[Mail \"" A60 "aaaaa\"]\n",
		"a.conf:1: the name \"" A60
		"aaaaa\" is not made of 1 to 64 letters, digits, "
		"\"_\", \"-\" and \".\", beginning with none of the last two\n");
}

static void server_section_overrides_for_that_server_alone(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Mail]\nServer=smtp://a smtp://b:587 smtp://localhost\nTls=required\n"
		      "TlsMinimum=1.1\nClientCert=/mail.pem\nClientKey=/mail.key\n"
		      "[Server \"SMTP://B:0587\"]\nTls=opportunistic\nPinnedKey=/pin\n"
		      "ClientCert=/b.pem\n"
		      "[Server \"smtp://localhost:25\"]\nTls=auto\nTlsMinimum=1.0\n");
	const struct config_server *s = c->destinations[0].servers;

	(void)state;
	assert_int_equal(c->destinations[0].n_servers, 3);
	assert_int_equal(s[0].tls, CONFIG_TLS_REQUIRED);
	assert_null(s[0].pinned_key);
	assert_string_equal(s[0].client_cert, "/mail.pem");
	assert_string_equal(s[0].client_key, "/mail.key");
	assert_int_equal(s[1].tls, CONFIG_TLS_OPPORTUNISTIC);
	assert_int_equal(s[1].tls_minimum, CONFIG_TLS_1_1);
	assert_string_equal(s[1].pinned_key, "/pin");
	assert_string_equal(s[1].client_cert, "/b.pem");
	assert_null(s[1].client_key);
	assert_int_equal(s[2].tls, CONFIG_TLS_OPPORTUNISTIC);
	assert_int_equal(s[2].tls_minimum, CONFIG_TLS_1_0);
}

static void credentials_are_taken_from_one_section(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Mail]\nServer=smtp://a smtp://b\nUser=one\nPasswordFile=/one\nAuth=PLAIN\n"
		      "[Server \"smtp://b\"]\nUser=two\n"
		      "[Mail \"x\"]\nUser=three\nPasswordFile=/three\n");
	const struct config_server *s = c->destinations[0].servers;

	(void)state;
	assert_string_equal(s[0].user, "one");
	assert_string_equal(s[0].password_file, "/one");
	assert_string_equal(s[0].auth, "PLAIN");
	assert_string_equal(s[1].user, "two");
	assert_null(s[1].password_file);
	assert_null(s[1].auth);
	s = c->destinations[1].servers;
	assert_string_equal(s[0].user, "three");
	assert_string_equal(s[0].password_file, "/three");
	assert_null(s[0].auth);
	assert_string_equal(s[1].user, "two");
	assert_null(s[1].password_file);
}

static void credentials_make_auto_required_on_loopback_too(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Mail]\nServer=smtp://localhost smtp://[::1]\n"
		      "[Server \"smtp://localhost\"]\nUser=u\n");

	(void)state;
	assert_int_equal(c->destinations[0].servers[0].tls, CONFIG_TLS_REQUIRED);
	assert_int_equal(c->destinations[0].servers[1].tls, CONFIG_TLS_OPPORTUNISTIC);
}

static void credentials_in_clear_are_refused(void **state)
{
	(void)state;
	refused("[Mail]\nTls=none\nUser=u\n",
		"a.conf:3: User=: with Tls=none the password could be sent to smtp://localhost in "
		"the "
		"clear; set Tls=required\n");
	refused("[Mail]\nServer=smtp://a\nTls=opportunistic\n[Server \"smtp://a\"]\nUser=u\n",
		"a.conf:5: User=: with Tls=opportunistic the password could be sent to smtp://a in "
		"the "
		"clear; set Tls=required\n");
}

static void keys_that_mean_nothing_alone_are_refused(void **state)
{
	(void)state;
	refused("[Mail]\nPasswordFile=/pw\n",
		"a.conf:2: PasswordFile= needs User= in the same section\n");
	refused("[Mail]\nUser=u\n[Mail \"x\"]\nAuth=PLAIN\n",
		"a.conf:4: Auth= needs User= in the same section\n");
	refused("[Mail]\nClientKey=/k\n",
		"a.conf:2: ClientKey= needs ClientCert= in the same section\n");
}

static void smtps_is_never_without_tls(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Mail]\nServer=smtps://a\nTls=opportunistic\nUser=u\n");

	(void)state;
	assert_int_equal(c->destinations[0].servers[0].tls, CONFIG_TLS_REQUIRED);
	refused("[Mail]\nServer=smtps://a\nTls=none\n",
		"a.conf:3: Tls=: \"none\" is not possible with smtps://a\n");
}

static void server_section_that_nobody_names_is_refused(void **state)
{
	AUTO_CONFIG struct config *c =
		parse("[Server \"smtp://localhost\"]\nTls=none\n[Server \"smtp://b\"]\n"
		      "[Mail \"x\"]\nServer=smtp://b\n");

	(void)state;
	assert_int_equal(c->destinations[0].servers[0].tls, CONFIG_TLS_NONE);
	refused("[Mail]\nServer=smtp://a\n[Server \"smtp://a:26\"]\n[Server \"smtps://a\"]\n",
		"a.conf:3: [Server \"smtp://a:26\"]: no Server= in [Mail] names it\n"
		"a.conf:4: [Server \"smtps://a\"]: no Server= in [Mail] names it\n");
	refused("[Server \"a\"]\nTls=none\n[Server \"sendmail:/s\"]\n",
		"a.conf:1: \"a\" is none of smtp://HOST[:PORT], smtps://HOST[:PORT], "
		"sendmail:/PATH\n"
		"a.conf:3: sendmail has no TLS and AUTH keys\n");
}

static void faults_of_the_whole_are_not_told_after_those_of_a_line(void **state)
{
	(void)state;
	refused("[Mail]\nServer=smtp://a/\n[Server \"smtp://a\"]\n",
		"a.conf:2: Server=: \"smtp://a/\" is not a server's URL: nothing may follow the "
		"host and its port\n");
}

static void size_limits_hold(void **state)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(CONFIG_TEXT_MAX + 1);
	AUTO_CONFIG struct config *c = NULL;
	struct faults f;

	(void)state;
	assert_int_equal(buffer_append_str(&text, "[Mail]\nTo="), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(buffer_printf(&text, " a%d", i), 0);
	c = parse_two(buffer_slice(&text), NULL, &f);
	assert_non_null(c);
	assert_int_equal(c->destinations[0].to.n, 1000);
	assert_int_equal(buffer_append_str(&text, " b c"), 0);
	assert_null(parse_two(buffer_slice(&text), NULL, &f));
	assert_string_equal(f.text, "a.conf:2: To=: more than 1000 values\n");

	buffer_clear(&text);
	c = config_free(c);
	for (int i = 0; i < 200; i++)
		assert_int_equal(buffer_printf(&text, "[Mail \"%d\"]\n", i), 0);
	assert_int_equal(buffer_append_str(&text, "[Mail \"0\"]\n"), 0);
	c = parse_two(buffer_slice(&text), NULL, &f);
	assert_non_null(c);
	assert_int_equal(c->n_destinations, 201);
	assert_int_equal(buffer_append_str(&text, "[Mail]\nTo=-\n"), 0);
	assert_null(parse_two(buffer_slice(&text), NULL, &f));
	assert_string_equal(f.text, "a.conf:202: more than 200 sections\n");

	buffer_clear(&text);
	while (text.len < CONFIG_TEXT_MAX)
		assert_int_equal(buffer_append_char(&text, '\n'), 0);
	(void)config_free(parse_two(buffer_slice(&text), NULL, &f));
	assert_string_equal(f.text, "");
	assert_int_equal(buffer_append_char(&text, '\n'), 0);
	assert_null(parse_two(buffer_slice(&text), NULL, &f));
	assert_string_equal(f.text, "a.conf: larger than 1 MiB\n");
}

static void load_tree_file(const char *directory_variable, const char *directory, const char *name,
			   struct buffer *ret)
{
	const char *named = getenv(directory_variable), *data = getenv("TEST_DATA");
	char path[4096];

	if (named)
		(void)snprintf(path, sizeof(path), "%s/%s", named, name);
	else
		(void)snprintf(path, sizeof(path), "%s/../../%s/%s", data ? data : "tests/data",
			       directory, name);
	assert_int_equal(io_read_file_at(AT_FDCWD, path, ret), 0);
	assert_non_null(buffer_cstr(ret));
}

/* Whether the page has an item ".It Cm KEY=" in the part that follows ".Ss The [SECTION". */
static bool described(const char *page, const char *section, size_t section_n, const char *key)
{
	char head[64], item[64];
	const char *at, *end, *found;

	(void)snprintf(head, sizeof(head), "\n.Ss The [%.*s", (int)section_n, section);
	(void)snprintf(item, sizeof(item), "\n.It Cm %s=", key);
	for (at = page; (at = strstr(at, head)); at++) {
		char after = at[strlen(head)];

		if (after != ']' && after != ' ')
			continue;
		found = strstr(at, item);
		end = strstr(at + 1, "\n.Ss ");
		if (!end)
			end = strstr(at + 1, "\n.Sh ");
		if (found && end && found < end)
			return true;
	}
	return false;
}

static void manual_page_describes_every_key(void **state)
{
	AUTO_BUFFER struct buffer page = BUFFER_INIT(1 << 20);

	(void)state;
	load_tree_file("MAN_DIR", "man", "loginbell.conf.5", &page);
	for (size_t i = 0; listed_key(i); i++) {
		const char *key = listed_key(i), *dot = strchr(key, '.');

		if (!described(page.data, key, (size_t)(dot - key), dot + 1))
			fail_msg("loginbell.conf.5 does not describe %s", key);
	}
}

/* Its lines "#Key=value" are the defaults: taking away the "#" changes nothing. */
static void default_configuration_shows_every_key_with_its_default(void **state)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(1 << 20);
	AUTO_CONFIG struct config *c = NULL, *plain = NULL;
	const struct config_destination *d, *plain_d;

	(void)state;
	load_tree_file("UNITS_DIR", "units", "loginbell.conf", &text);
	plain = parse(text.data);
	for (size_t i = 0; listed_key(i); i++) {
		const char *key = listed_key(i), *dot = strchr(key, '.');
		char head[64], line[64];
		char *at, *end;

		if (strncmp(key, "Server.", 7) == 0)
			continue;
		(void)snprintf(head, sizeof(head), "\n[%.*s]\n", (int)(dot - key), key);
		(void)snprintf(line, sizeof(line), "\n#%s=", dot + 1);
		at = strstr(text.data, head);
		assert_non_null(at);
		end = strstr(at + 1, "\n[");
		at = strstr(at, line);
		if (!at || (end && at > end))
			fail_msg("loginbell.conf does not show %s", key);
		at[1] = ' ';
	}
	c = parse(text.data);
	list_is(&c->programs, "<sshd><sshd-session><dropbear>");
	list_is(&c->whitelist_files,
		"</etc/loginbell/whitelist></etc/loginbell/whitelist.d/*.rules>");
	assert_int_equal(c->source_kind, plain->source_kind);
	assert_int_equal(c->events, plain->events);
	assert_int_equal(c->interval_usec, plain->interval_usec);
	assert_int_equal(c->repeat_interval_usec, plain->repeat_interval_usec);
	assert_int_equal(c->give_up_after_usec, plain->give_up_after_usec);
	assert_int_equal(c->max_per_mail, plain->max_per_mail);
	assert_int_equal(c->n_destinations, 1);
	d = &c->destinations[0];
	plain_d = &plain->destinations[0];
	list_is(&d->to, "<root>");
	assert_int_equal(d->n_servers, 1);
	assert_string_equal(d->servers[0].url, plain_d->servers[0].url);
	assert_int_equal(d->servers[0].tls, plain_d->servers[0].tls);
	assert_int_equal(d->servers[0].tls_minimum, plain_d->servers[0].tls_minimum);
	assert_int_equal(d->timeout_usec, plain_d->timeout_usec);
	assert_int_equal(d->events, plain_d->events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_configuration_has_all_defaults),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(every_listed_key_is_known_and_may_be_reset),
		cmocka_unit_test(syntax_trims_and_skips_what_systemd_skips),
		cmocka_unit_test(backslash_joins_lines_over_comments),
		cmocka_unit_test(fault_is_named_by_the_line_where_it_begins),
		cmocka_unit_test(repeated_list_adds_and_empty_resets),
		cmocka_unit_test(reset_events_are_the_default_ones_again),
		cmocka_unit_test(repeated_single_key_overrides_and_empty_resets),
		cmocka_unit_test(later_file_adds_to_and_overrides_the_earlier),
		cmocka_unit_test(file_does_not_go_on_in_the_section_of_the_one_before),
		cmocka_unit_test(list_values_may_be_quoted),
		cmocka_unit_test(what_is_no_line_of_the_syntax_is_refused),
		cmocka_unit_test(text_that_is_not_clean_is_refused),
		cmocka_unit_test(unknown_sections_and_keys_are_refused_once_each),
		cmocka_unit_test(what_is_not_implemented_is_refused_as_such),
		cmocka_unit_test(a_heartbeat_goes_to_all_but_who_named_other_kinds),
		cmocka_unit_test(wrong_words_and_numbers_are_refused),
		cmocka_unit_test(boundaries_of_numbers_are_taken),
		cmocka_unit_test(addresses_are_addr_specs_in_ascii),
		cmocka_unit_test(address_of_254_characters_is_the_longest),
		cmocka_unit_test(urls_come_in_one_form_and_tls_follows_the_host),
		cmocka_unit_test(wrong_urls_are_refused_with_the_reason),
		cmocka_unit_test(pinned_keys_are_files_or_hashes),
		cmocka_unit_test(named_mail_takes_from_mail_what_it_does_not_say),
		cmocka_unit_test(named_mail_without_mail_has_the_defaults),
		cmocka_unit_test(destination_names_are_safe_as_file_names),
		cmocka_unit_test(server_section_overrides_for_that_server_alone),
		cmocka_unit_test(credentials_are_taken_from_one_section),
		cmocka_unit_test(credentials_make_auto_required_on_loopback_too),
		cmocka_unit_test(credentials_in_clear_are_refused),
		cmocka_unit_test(keys_that_mean_nothing_alone_are_refused),
		cmocka_unit_test(smtps_is_never_without_tls),
		cmocka_unit_test(server_section_that_nobody_names_is_refused),
		cmocka_unit_test(faults_of_the_whole_are_not_told_after_those_of_a_line),
		cmocka_unit_test(size_limits_hold),
		cmocka_unit_test(manual_page_describes_every_key),
		cmocka_unit_test(default_configuration_shows_every_key_with_its_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
