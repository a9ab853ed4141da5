/* The cases of tests/data/logins.txt, and what a text file cannot say. */
#include "text/login.h"

#include <errno.h>

#include "tests/unit/cases.h"

static enum login_reading parse_checked(struct slice message, struct login *ret)
{
	enum login_reading r = login_parse(message, ret);

	/* The hot path may never be false for what is a login. */
	if (r != LOGIN_NONE)
		assert_true(login_candidate(message));
	return r;
}

static const char *reading_name(enum login_reading r)
{
	return r == LOGIN_ACCEPTED ? "accepted" : r == LOGIN_UNREADABLE ? "unreadable" : "none";
}

static void check_decoded(struct test_case *c, struct slice user)
{
	AUTO_BUFFER struct buffer decoded = BUFFER_INIT(4096);
	struct slice want = case_get(c, "decoded", 0);

	assert_int_equal(login_unescape(user, &decoded), 0);
	case_assert_slice("decoded", buffer_slice(&decoded), want.p ? want : user);
}

static void check_case(void **state)
{
	struct test_case *c = *state;
	struct slice reading, message = case_get(c, "message", 0), numeric;
	char port[16], address[ADDRESS_TEXT_MAX] = "";
	struct login l;
	size_t n;

	memset(&l, 0x5a, sizeof(l));
	reading = slice_of(reading_name(parse_checked(message, &l)));
	case_assert_slice("reading", reading, case_get(c, "reading", 0));
	if (!case_is(c, "reading", "accepted")) {
		struct login zero;

		memset(&zero, 0, sizeof(zero));
		assert_memory_equal(&l, &zero, sizeof(l));
		case_assert_all_asked(c);
		return;
	}

	case_assert_slice("method", l.method, case_get(c, "method", 0));
	case_assert_slice("user", l.user, case_get(c, "user", 0));
	case_assert_slice("addr", l.addr, case_get(c, "addr", 0));
	(void)snprintf(port, sizeof(port), "%u", l.port);
	case_assert_slice("port", slice_of(port), case_get(c, "port", 0));
	case_assert_slice("extra", l.extra, case_get(c, "extra", 0));
	case_assert_slice("key-type", l.key_type, case_get(c, "key-type", 0));
	case_assert_slice("fingerprint", l.fingerprint, case_get(c, "fingerprint", 0));
	case_assert_slice("cert-id", l.cert_id, case_get(c, "cert-id", 0));
	case_assert_slice("cert-serial", l.cert_serial, case_get(c, "cert-serial", 0));
	case_assert_slice("ca-fingerprint", l.ca_fingerprint, case_get(c, "ca-fingerprint", 0));
	assert_int_equal(l.vis_escaped, !case_is(c, "dropbear", "yes"));
	assert_int_equal(l.ambiguous, case_is(c, "ambiguous", "yes"));
	assert_int_equal(l.cut, case_is(c, "cut", "yes"));
	for (n = 0; n < l.n_foreign; n++)
		case_assert_slice("foreign", l.foreign[n], case_get(c, "foreign", n));
	case_assert_slice("foreign", (struct slice){0}, case_get(c, "foreign", n));

	numeric = case_get(c, "address", 0);
	if (!numeric.p)
		numeric = l.addr;
	assert_int_equal(l.addr_known, !slice_eq_str(l.addr, "UNKNOWN"));
	if (l.addr_known)
		case_assert_slice("address", slice_of(address_format(&l.address, address)),
				  numeric);
	if (l.vis_escaped)
		check_decoded(c, l.user);
	case_assert_all_asked(c);
}

static void unescape_undoes_each_escape_and_keeps_the_rest(void **state)
{
	const struct {
		struct slice in, out;
	} cases[] = {
		{SLICE_LITERAL(""), SLICE_LITERAL("")},
		{SLICE_LITERAL("plain"), SLICE_LITERAL("plain")},
		{SLICE_LITERAL("\\\\"), SLICE_LITERAL("\\")},
		{SLICE_LITERAL("\\\\303\\251"), SLICE_LITERAL("\\303\xa9")},
		{SLICE_LITERAL("\\303\\251"), SLICE_LITERAL("\xc3\xa9")},
		{SLICE_LITERAL("\\001\\377"), SLICE_LITERAL("\x01\xff")},
		{SLICE_LITERAL("\\n\\r\\b\\a\\v\\t\\f"), SLICE_LITERAL("\n\r\b\a\v\t\f")},
		{SLICE_LITERAL("\\000"), SLICE_LITERAL("\\000")},
		{SLICE_LITERAL("\\0"), SLICE_LITERAL("\\0")},
		{SLICE_LITERAL("\\400"), SLICE_LITERAL("\\400")},
		{SLICE_LITERAL("\\38"), SLICE_LITERAL("\\38")},
		{SLICE_LITERAL("\\309"), SLICE_LITERAL("\\309")},
		{SLICE_LITERAL("\\M-i\\^A"), SLICE_LITERAL("\\M-i\\^A")},
		{SLICE_LITERAL("end\\"), SLICE_LITERAL("end\\")},
		{SLICE_LITERAL("end\\3"), SLICE_LITERAL("end\\3")},
		{SLICE_LITERAL("end\\30"), SLICE_LITERAL("end\\30")},
		{SLICE_LITERAL("a\\\0b"), SLICE_LITERAL("a\\\0b")},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_BUFFER struct buffer b = BUFFER_INIT(64);

		assert_int_equal(login_unescape(cases[i].in, &b), 0);
		case_assert_slice("unescaped", buffer_slice(&b), cases[i].out);
	}
}

static void unescape_over_the_maximum_leaves_the_buffer_as_it_was(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4);

	(void)state;
	assert_int_equal(buffer_append_str(&b, "ab"), 0);
	assert_int_equal(login_unescape(SLICE_LITERAL("c\\303"), &b), 0);
	assert_int_equal(b.len, 4);
	assert_int_equal(login_unescape(SLICE_LITERAL("d"), &b), -E2BIG);
	b.len = 2;
	assert_int_equal(login_unescape(SLICE_LITERAL("cd\\303"), &b), -E2BIG);
	case_assert_slice("kept", buffer_slice(&b), SLICE_LITERAL("ab"));
}

static void methods_are_known_with_and_without_a_submethod(void **state)
{
	(void)state;
	for (size_t i = 0; login_methods[i]; i++)
		assert_true(login_method_known(slice_of(login_methods[i])));
	assert_true(login_method_known(SLICE_LITERAL("keyboard-interactive/other")));
	assert_false(login_method_known(SLICE_LITERAL("keyboard-interactive/")));
	assert_false(login_method_known(SLICE_LITERAL("/pam")));
	assert_false(login_method_known(SLICE_LITERAL("")));
	assert_false(login_method_known(SLICE_LITERAL("publickeys")));
	assert_false(login_method_known(SLICE_LITERAL("Password")));
	assert_false(login_method_known((struct slice){NULL, 0}));
}

static void candidate_is_false_for_what_is_nothing_like_a_login(void **state)
{
	static const char *const messages[] = {
		"",
		"A",
		"Accepted",
		"Acceptedx",
		" Accepted password for root from 192.0.2.1 port 1 ssh2",
		"Failed password for root from 192.0.2.1 port 1 ssh2",
		"Failed password for invalid user Accepted publickey for root",
		"auth.c:auth_log():292 (bin=/usr/sbin/sshd, pid=7): Failed password for root",
		"auth.c:auth_log():292 (bin=/usr/sbin/sshd, pid=7): ",
		"auth succeede",
	};

	(void)state;
	assert_false(login_candidate((struct slice){NULL, 0}));
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		assert_false(login_candidate(slice_of(messages[i])));
}

static void empty_message_is_no_login(void **state)
{
	struct login l, zero;

	(void)state;
	memset(&zero, 0, sizeof(zero));
	memset(&l, 0x5a, sizeof(l));
	assert_int_equal(login_parse((struct slice){NULL, 0}, &l), LOGIN_NONE);
	assert_memory_equal(&l, &zero, sizeof(l));
	assert_int_equal(login_parse(SLICE_LITERAL(""), &l), LOGIN_NONE);
}

/* Each beginning of a message is read without a step beyond its end (heap, for the sanitizer). */
static void every_beginning_of_a_login_is_read_or_unreadable(void **state)
{
	static const char *const whole[] = {
		"Accepted publickey for deploy from 192.0.2.7 port 50022 ssh2: ED25519-CERT "
		"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ID ci (serial 7) CA ED25519 "
		"SHA256:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB, signature count = 3",
		"auth.c:auth_log():292 (bin=/usr/sbin/sshd, pid=7): Accepted password for a from "
		"2001:db8::1%eth0 port 1 ssh2",
		"Pubkey auth succeeded for 'root' with ssh-ed25519 key "
		"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA from [2001:db8::1]:50022",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(whole); i++) {
		for (size_t n = 0; n <= strlen(whole[i]); n++) {
			AUTO_FREE char *copy = malloc(n ? n : 1);
			enum login_reading r;
			struct login l;

			assert_non_null(copy);
			memcpy(copy, whole[i], n);
			r = parse_checked((struct slice){copy, n}, &l);
			if (n == strlen(whole[i]))
				assert_int_equal(r, LOGIN_ACCEPTED);
			if (i < 1 && n >= strlen("Accepted "))
				assert_int_not_equal(r, LOGIN_NONE);
		}
	}
}

static void any_byte_in_the_user_name_is_kept(void **state)
{
	char message[] = "Accepted password for a?b from 192.0.2.1 port 1 ssh2";
	char *byte = strchr(message, '?');

	(void)state;
	for (int c = 0; c < 256; c++) {
		struct login l;

		*byte = (char)c;
		assert_int_equal(parse_checked((struct slice){message, sizeof(message) - 1}, &l),
				 LOGIN_ACCEPTED);
		case_assert_slice("user", l.user, (struct slice){byte - 1, 3});
		assert_int_equal(l.port, 1);
	}
}

/* 1 MiB of what makes a parser that begins anew at each word take hours. */
static void long_messages_are_read_in_linear_time(void **state)
{
	static const char *const words[] = {
		" from ",
		" from 192.0.2.1",
		" from 192.0.2.1 port 1",
		" (serial 1",
		" (serial 1) CA ",
		" key ",
		"\\303",
		" ",
		":",
		"(",
		"1",
	};
	static const char *const beginnings[] = {
		"Accepted password for ",
		"Accepted publickey for u from 192.0.2.1 port 1 ssh2: RSA-CERT ID ",
		"Pubkey auth succeeded for '",
		"auth.c:auth_log():292 (bin=",
		"auth succeeded",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
			AUTO_BUFFER struct buffer b = BUFFER_INIT(2 << 20);
			struct login l;

			assert_int_equal(buffer_append_str(&b, beginnings[i]), 0);
			while (b.len < 1 << 20)
				assert_int_equal(buffer_append_str(&b, words[k]), 0);
			(void)parse_checked(buffer_slice(&b), &l);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(unescape_undoes_each_escape_and_keeps_the_rest),
		cmocka_unit_test(unescape_over_the_maximum_leaves_the_buffer_as_it_was),
		cmocka_unit_test(methods_are_known_with_and_without_a_submethod),
		cmocka_unit_test(candidate_is_false_for_what_is_nothing_like_a_login),
		cmocka_unit_test(empty_message_is_no_login),
		cmocka_unit_test(every_beginning_of_a_login_is_read_or_unreadable),
		cmocka_unit_test(any_byte_in_the_user_name_is_kept),
		cmocka_unit_test(long_messages_are_read_in_linear_time),
	};
	struct case_file file;
	int r;

	case_read("logins.txt", &file);
	r = case_run("logins", &file, check_case, tests, ARRAY_SIZE(tests));
	case_free(&file);
	return r;
}
