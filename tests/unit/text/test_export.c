/* Whole lines and blocks compared, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/cleanup.h"
#include "text/export.h"

static const struct alert full = {
	.kind = ALERT_LOGIN,
	.time_usec = 1795406706123456,
	.position = {"s=1;i=2", 7},
	.host = {"web1", 4},
	.program = {"sshd", 4},
	.pid_known = true,
	.pid = 4711,
	.uid_known = true,
	.uid = 0,
	.message = {"Accepted publickey for \"root\"", 29},
	.readable = true,
	.trusted = true,
	.method = {"publickey", 9},
	.user = {"root", 4},
	.addr = {"203.0.113.9", 11},
	.key_type = {"RSA-CERT", 8},
	.fingerprint = {"SHA256:abc", 10},
	.cert_id = {"lap\ttop", 7},
	.cert_serial = {"18446744073709551615", 20},
	.ca_fingerprint = {"SHA256:def", 10},
	.extra = {"RSA-CERT ID", 11},
	.port_known = true,
	.port = 65535,
};

static void assert_json(const struct alert *a, const struct export_verdict *v, const char *expected)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(1 << 16);

	assert_int_equal(export_json(a, v, &b), 0);
	assert_string_equal(buffer_cstr(&b), expected);
}

static void json_has_all_keys_in_order(void **state)
{
	const struct export_verdict v = {true, "/etc/loginbell/whitelist", 3};

	(void)state;
	assert_json(
		&full, &v,
		"{\"time\":\"2026-11-23T04:05:06.123456Z\",\"host\":\"web1\",\"program\":\"sshd\","
		"\"pid\":4711,\"uid\":0,\"method\":\"publickey\",\"user\":\"root\","
		"\"addr\":\"203.0.113.9\",\"port\":65535,\"key_type\":\"RSA-CERT\","
		"\"fingerprint\":\"SHA256:abc\",\"cert_id\":\"lap\\u0009top\","
		"\"cert_serial\":\"18446744073709551615\",\"ca_fingerprint\":\"SHA256:def\","
		"\"extra\":\"RSA-CERT ID\",\"kind\":\"login\",\"verdict\":\"allowed\","
		"\"rule\":\"/etc/loginbell/whitelist:3\",\"trusted\":true,\"ambiguous\":false,"
		"\"message\":\"Accepted publickey for \\\"root\\\"\",\"position\":\"s=1;i=2\"}\n");
}

static void json_leaves_out_what_is_not_known(void **state)
{
	const struct export_verdict v = {false, NULL, 0};
	const struct alert login = {.kind = ALERT_LOGIN, .ambiguous = true};
	const struct alert gap = {.kind = ALERT_GAP, .user = {"", 0}};

	(void)state;
	assert_json(&login, &v,
		    "{\"kind\":\"login\",\"verdict\":\"alert\",\"trusted\":false,\"ambiguous\":"
		    "true}\n");
	assert_json(&gap, NULL, "{\"user\":\"\",\"kind\":\"gap\"}\n");
}

static void a_count_is_told_where_it_is_more_than_one(void **state)
{
	struct alert a = {.kind = ALERT_GAP, .count = 1};
	AUTO_BUFFER struct buffer b = BUFFER_INIT(1 << 16);

	(void)state;
	assert_json(&a, NULL, "{\"kind\":\"gap\"}\n");
	a.count = 2;
	assert_json(&a, NULL, "{\"kind\":\"gap\",\"count\":2}\n");
	assert_int_equal(export_journal(&a, NULL, &b), 0);
	assert_string_equal(buffer_cstr(&b), "LOGINBELL_KIND=gap\nLOGINBELL_COUNT=2\n\n");
}

static void json_replaces_invalid_utf8(void **state)
{
	const struct alert a = {.kind = ALERT_GAP, .message = {"a\xff\0", 3}};

	(void)state;
	assert_json(&a, NULL, "{\"kind\":\"gap\",\"message\":\"a\xef\xbf\xbd\\u0000\"}\n");
}

static void block_has_all_fields(void **state)
{
	static const char expected[] =
		"__REALTIME_TIMESTAMP=1795406706123456\n_HOSTNAME=web1\nSYSLOG_IDENTIFIER=sshd\n"
		"_PID=4711\n_UID=0\nLOGINBELL_METHOD=publickey\nLOGINBELL_USER=root\n"
		"LOGINBELL_ADDR=203.0.113.9\nLOGINBELL_PORT=65535\nLOGINBELL_KEY_TYPE=RSA-CERT\n"
		"LOGINBELL_FINGERPRINT=SHA256:abc\nLOGINBELL_CERT_ID=lap\ttop\n"
		"LOGINBELL_CERT_SERIAL=18446744073709551615\nLOGINBELL_CA_FINGERPRINT=SHA256:def\n"
		"LOGINBELL_EXTRA=RSA-CERT ID\nLOGINBELL_KIND=login\nLOGINBELL_VERDICT=allowed\n"
		"LOGINBELL_RULE=w:1\nLOGINBELL_TRUSTED=1\nLOGINBELL_AMBIGUOUS=0\n"
		"MESSAGE=Accepted publickey for \"root\"\n__CURSOR=s=1;i=2\n\n";
	const struct export_verdict v = {true, "w", 1};
	AUTO_BUFFER struct buffer b = BUFFER_INIT(1 << 16);

	(void)state;
	assert_int_equal(export_journal(&full, &v, &b), 0);
	assert_string_equal(buffer_cstr(&b), expected);
}

static void block_has_the_binary_form_for_what_is_no_text(void **state)
{
	static const struct slice values[] = {
		{"a\nb", 3},
		{"a\0b", 3},
		{"a\xff"
		 "b",
		 3},
		{"\x1b[m", 3},
		{"a\x7f"
		 "b",
		 3},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		const struct alert a = {.kind = ALERT_GAP, .message = values[i]};
		AUTO_BUFFER struct buffer b = BUFFER_INIT(1 << 16);
		char expected[] = "LOGINBELL_KIND=gap\nMESSAGE\n\3\0\0\0\0\0\0\0...\n\n";

		memcpy(expected + sizeof(expected) - 6, values[i].p, 3);
		assert_int_equal(export_journal(&a, NULL, &b), 0);
		assert_int_equal(b.len, sizeof(expected) - 1);
		assert_memory_equal(b.data, expected, b.len);
	}
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(40);

	(void)state;
	assert_int_equal(buffer_append_str(&b, "ab"), 0);
	assert_int_equal(export_json(&full, NULL, &b), -E2BIG);
	assert_int_equal(export_journal(&full, NULL, &b), -E2BIG);
	assert_string_equal(buffer_cstr(&b), "ab");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_has_all_keys_in_order),
		cmocka_unit_test(json_leaves_out_what_is_not_known),
		cmocka_unit_test(a_count_is_told_where_it_is_more_than_one),
		cmocka_unit_test(json_replaces_invalid_utf8),
		cmocka_unit_test(block_has_all_fields),
		cmocka_unit_test(block_has_the_binary_form_for_what_is_no_text),
		cmocka_unit_test(a_full_buffer_is_left_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
