#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "text/address.h"

/* The base without the bits after the prefix. */
static struct address network_first(const struct network *n)
{
	const struct network zero = {.prefix = n->prefix};
	struct address tail = network_last(&zero), a = n->base;

	for (size_t i = 0; i < sizeof(a.bytes); i++)
		a.bytes[i] &= (uint8_t)~tail.bytes[i];
	return a;
}

static const struct address untouched = {{0xaa, 0xbb}};

static void assert_address(const char *text, const char *expected)
{
	struct address a;
	char formatted[ADDRESS_TEXT_MAX];

	if (address_parse(slice_of(text), &a) != 0)
		fail_msg("refused: %s", text);
	assert_string_equal(address_format(&a, formatted), expected);
}

static void assert_no_address(struct slice s)
{
	struct address a = untouched;

	if (address_parse(s, &a) != -EINVAL)
		fail_msg("taken: %.*s", (int)s.n, s.p ? s.p : "");
	assert_memory_equal(&a, &untouched, sizeof(a));
}

static void parse_takes_ipv4_as_its_mapped_address(void **state)
{
	static const uint8_t expected[16] = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 1};
	struct address plain, mapped, hex;

	(void)state;
	assert_int_equal(address_parse(SLICE_LITERAL("192.0.2.1"), &plain), 0);
	assert_int_equal(address_parse(SLICE_LITERAL("::ffff:192.0.2.1"), &mapped), 0);
	assert_int_equal(address_parse(SLICE_LITERAL("0:0:0:0:0:FFFF:c000:0201"), &hex), 0);
	assert_memory_equal(plain.bytes, expected, sizeof(expected));
	assert_int_equal(address_compare(&plain, &mapped), 0);
	assert_int_equal(address_compare(&plain, &hex), 0);
}

static void format_keeps_to_rfc_5952(void **state)
{
	static const char *const cases[][2] = {
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		{"2001:db8::0:1", "2001:db8::1"},
		{"2001:0DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
		{"0:0:1:2:3:4:5:6", "::1:2:3:4:5:6"},
		{"0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"},
		{"1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"},
		{"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"::0.1.0.1", "::1:1"},
		{"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
		{"::ffff:0:192.0.2.1", "::ffff:0:c000:201"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_address(cases[i][0], cases[i][1]);
}

static void parse_ignores_a_zone_of_ipv6(void **state)
{
	(void)state;
	assert_address("fe80::1%eth0", "fe80::1");
	assert_address("fe80::1%2", "fe80::1");
	assert_address("fe80::1%br-a:b.7", "fe80::1");
	assert_no_address(SLICE_LITERAL("fe80::1%"));
	assert_no_address(SLICE_LITERAL("fe80::1%et h0"));
	assert_no_address(SLICE_LITERAL("fe80::1%eth0 "));
	assert_no_address(SLICE_LITERAL("fe80::1%eth0\n"));
	assert_no_address(SLICE_LITERAL("fe80::1%eth/0"));
	assert_no_address(SLICE_LITERAL("fe80::1%et\0h0"));
	assert_no_address(SLICE_LITERAL("192.0.2.1%eth0"));
	assert_no_address(SLICE_LITERAL("%eth0"));
}

static void parse_rejects_what_is_no_address(void **state)
{
	static const char *const cases[] = {
		"",
		" ",
		".",
		":",
		":::",
		"1",
		"1.2",
		"1.2.3",
		"1.2.3.",
		"1.2.3.4.",
		"1.2.3.4.5",
		".1.2.3.4",
		"1..2.3",
		"256.0.0.1",
		"1.2.3.256",
		"300.1.2.3",
		"01.2.3.4",
		"1.2.3.04",
		"00.0.0.0",
		"0x1.2.3.4",
		"+1.2.3.4",
		"-1.2.3.4",
		" 1.2.3.4",
		"1.2.3.4 ",
		"1.2.3.4\n",
		"1.2.3.4/32",
		"3221225985",
		"::1::",
		"1::2::3",
		"2001:db8::g",
		"2001:db8::12345",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7:8:",
		":1:2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7:1.2.3.4",
		"::1.2.3",
		"::1.2.3.256",
		"::1.2.3.4:5",
		"[::1]",
		"localhost",
		"UNKNOWN",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_no_address(slice_of(cases[i]));
	assert_no_address((struct slice){NULL, 0});
	assert_no_address(SLICE_LITERAL("192.0.2.1\0"));
	assert_no_address(SLICE_LITERAL("192.0\0.2.1"));
	assert_no_address(SLICE_LITERAL("::1\0"));
}

static void parse_takes_only_the_bytes_of_the_slice(void **state)
{
	struct address a;
	char text[ADDRESS_TEXT_MAX];

	(void)state;
	assert_int_equal(address_parse((struct slice){"192.0.2.123", 9}, &a), 0);
	assert_string_equal(address_format(&a, text), "192.0.2.1");
}

static void parse_takes_the_longest_text(void **state)
{
	(void)state;
	assert_address("0000:0000:0000:0000:0000:ffff:255.255.255.255", "255.255.255.255");
	assert_no_address(SLICE_LITERAL("0000:0000:0000:0000:0000:ffff:255.255.255.2555"));
	assert_no_address(SLICE_LITERAL("00000:000:0000:0000:0000:ffff:255.255.255.255"));
}

static void compare_orders_ipv4_within_ipv6(void **state)
{
	static const char *const ordered[] = {
		"::",		"::fffe:ffff:ffff", "0.0.0.0",	 "0.0.0.1",   "192.0.2.1",
		"198.51.100.0", "255.255.255.255",  "::1:0:0:0", "2001:db8::"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ordered); i++)
		for (size_t j = 0; j < ARRAY_SIZE(ordered); j++) {
			struct address a, b;
			int c;

			assert_int_equal(address_parse(slice_of(ordered[i]), &a), 0);
			assert_int_equal(address_parse(slice_of(ordered[j]), &b), 0);
			c = address_compare(&a, &b);
			assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
		}
}

static void network_has_first_last_and_text(void **state)
{
	static const struct {
		const char *text, *canonical, *first, *last;
		uint8_t prefix;
	} cases[] = {
		{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", 128},
		{"192.0.2.1/32", "192.0.2.1", "192.0.2.1", "192.0.2.1", 128},
		{"192.0.2.0/31", "192.0.2.0/31", "192.0.2.0", "192.0.2.1", 127},
		{"192.0.2.0/24", "192.0.2.0/24", "192.0.2.0", "192.0.2.255", 120},
		{"192.0.2.128/25", "192.0.2.128/25", "192.0.2.128", "192.0.2.255", 121},
		{"10.0.0.0/8", "10.0.0.0/8", "10.0.0.0", "10.255.255.255", 104},
		{"128.0.0.0/1", "128.0.0.0/1", "128.0.0.0", "255.255.255.255", 97},
		{"0.0.0.0/0", "0.0.0.0/0", "0.0.0.0", "255.255.255.255", 96},
		{"::ffff:192.0.2.0/120", "192.0.2.0/24", "192.0.2.0", "192.0.2.255", 120},
		{"::/0", "::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0},
		{"8000::/1", "8000::/1", "8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1},
		{"2001:db8::/32", "2001:db8::/32",
		 "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 32},
		{"2001:db8::1/128", "2001:db8::1", "2001:db8::1", "2001:db8::1", 128},
		{"2001:db8::/127", "2001:db8::/127", "2001:db8::", "2001:db8::1", 127},
		{"fe80::%eth0/64", "fe80::/64", "fe80::", "fe80::ffff:ffff:ffff:ffff", 64},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[ADDRESS_TEXT_MAX];
		struct address a;
		struct network n;

		if (network_parse(slice_of(cases[i].text), &n) != 0)
			fail_msg("refused: %s", cases[i].text);
		assert_int_equal(n.prefix, cases[i].prefix);
		assert_string_equal(network_format(&n, text), cases[i].canonical);
		a = network_first(&n);
		assert_string_equal(address_format(&a, text), cases[i].first);
		a = network_last(&n);
		assert_string_equal(address_format(&a, text), cases[i].last);
	}
}

static void network_parse_names_the_kind_of_fault(void **state)
{
	static const struct {
		const char *text;
		int r;
		const char *right; /* of -EDOM */
	} cases[] = {
		{"", -EINVAL, NULL},
		{"/", -EINVAL, NULL},
		{"/8", -EINVAL, NULL},
		{"192.0.2.0/", -EINVAL, NULL},
		{"192.0.2.0/-1", -EINVAL, NULL},
		{"192.0.2.0/+24", -EINVAL, NULL},
		{"192.0.2.0/ 24", -EINVAL, NULL},
		{"192.0.2.0/24 ", -EINVAL, NULL},
		{"192.0.2.0/024", -EINVAL, NULL},
		{"0.0.0.0/00", -EINVAL, NULL},
		{"192.0.2.0/24/24", -EINVAL, NULL},
		{"192.0.2.0/255.255.255.0", -EINVAL, NULL},
		{"192.0.2/24", -EINVAL, NULL},
		{"300.0.0.0/8", -EINVAL, NULL},
		{"2001:db8::g/32", -EINVAL, NULL},
		{"192.0.2.0/33", -ERANGE, NULL},
		{"192.0.2.0/4294967320", -ERANGE, NULL},
		{"192.0.2.0/18446744073709551640", -ERANGE, NULL},
		{"2001:db8::/129", -ERANGE, NULL},
		{"10.0.0.1/8", -EDOM, "10.0.0.0/8"},
		{"192.0.2.1/31", -EDOM, "192.0.2.0/31"},
		{"0.0.0.1/0", -EDOM, "0.0.0.0/0"},
		{"2001:db8::1/32", -EDOM, "2001:db8::/32"},
		{"::1/0", -EDOM, "::/0"},
		{"::ffff:192.0.2.0/24", -EDOM, "::/24"},
		{"fe80::1%eth0/64", -EDOM, "fe80::/64"},
	};
	static const struct network before = {{{0xaa}}, 77};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct network n = before;
		int r = network_parse(slice_of(cases[i].text), &n);
		char text[ADDRESS_TEXT_MAX];

		if (r != cases[i].r)
			fail_msg("%s: %d, not %d", cases[i].text, r, cases[i].r);
		if (r == -EDOM) {
			struct address first = network_first(&n);

			assert_memory_equal(&n.base, &first, sizeof(first));
			assert_string_equal(network_format(&n, text), cases[i].right);
		} else {
			assert_memory_equal(&n, &before, sizeof(n));
		}
	}
}

static void network_of_every_prefix_is_read_back(void **state)
{
	(void)state;
	for (unsigned prefix = 0; prefix <= 128; prefix++) {
		struct network n = {.prefix = (uint8_t)prefix}, again;
		char text[ADDRESS_TEXT_MAX];

		memset(n.base.bytes, 0xff, sizeof(n.base.bytes));
		n.base = network_first(&n);
		(void)network_format(&n, text);
		assert_int_equal(network_parse(slice_of(text), &again), 0);
		assert_memory_equal(&again, &n, sizeof(n));
	}
	for (unsigned prefix = 96; prefix <= 128; prefix++) {
		struct network n = {.prefix = (uint8_t)prefix}, again;
		char text[ADDRESS_TEXT_MAX];

		assert_int_equal(address_parse(SLICE_LITERAL("255.255.255.255"), &n.base), 0);
		n.base = network_first(&n);
		(void)network_format(&n, text);
		assert_int_equal(network_parse(slice_of(text), &again), 0);
		assert_memory_equal(&again, &n, sizeof(n));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_takes_ipv4_as_its_mapped_address),
		cmocka_unit_test(format_keeps_to_rfc_5952),
		cmocka_unit_test(parse_ignores_a_zone_of_ipv6),
		cmocka_unit_test(parse_rejects_what_is_no_address),
		cmocka_unit_test(parse_takes_only_the_bytes_of_the_slice),
		cmocka_unit_test(parse_takes_the_longest_text),
		cmocka_unit_test(compare_orders_ipv4_within_ipv6),
		cmocka_unit_test(network_has_first_last_and_text),
		cmocka_unit_test(network_parse_names_the_kind_of_fault),
		cmocka_unit_test(network_of_every_prefix_is_read_back),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
