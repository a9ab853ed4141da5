#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "text/netset.h"

/* The base without the bits after the prefix. */
static struct address network_first(const struct network *n)
{
	const struct network zero = {.prefix = n->prefix};
	struct address tail = network_last(&zero), a = n->base;

	for (size_t i = 0; i < sizeof(a.bytes); i++)
		a.bytes[i] &= (uint8_t)~tail.bytes[i];
	return a;
}

static inline void netset_auto_free(struct netset **s)
{
	(void)netset_free(*s);
}
#define AUTO_NETSET CLEANUP(netset_auto_free)

static void add(struct netset *s, const char *text, uint32_t number)
{
	struct network n;

	assert_int_equal(network_parse(slice_of(text), &n), 0);
	assert_int_equal(netset_add(s, &n, number), 0);
}

static uint32_t find(const struct netset *s, const char *text)
{
	struct address a;

	assert_int_equal(address_parse(slice_of(text), &a), 0);
	return netset_find(s, &a);
}

static void empty_set_holds_nothing(void **state)
{
	AUTO_NETSET struct netset *s = netset_new();
	const uint32_t *numbers;

	(void)state;
	assert_int_equal(netset_build(s), 0);
	assert_int_equal(find(s, "::"), NETSET_NONE);
	assert_int_equal(find(s, "192.0.2.1"), NETSET_NONE);
	assert_int_equal(netset_numbers(s, &numbers), 0);
}

static void free_takes_null(void **state)
{
	(void)state;
	assert_null(netset_free(NULL));
}

static void network_holds_its_first_and_last_address_and_no_neighbour(void **state)
{
	AUTO_NETSET struct netset *s = netset_new();

	(void)state;
	add(s, "192.0.2.0/24", 0);
	add(s, "2001:db8::7", 1);
	assert_int_equal(netset_build(s), 0);
	assert_int_equal(find(s, "192.0.1.255"), NETSET_NONE);
	assert_int_equal(find(s, "192.0.2.0"), 0);
	assert_int_equal(find(s, "192.0.2.255"), 0);
	assert_int_equal(find(s, "192.0.3.0"), NETSET_NONE);
	assert_int_equal(find(s, "2001:db8::6"), NETSET_NONE);
	assert_int_equal(find(s, "2001:db8::7"), 1);
	assert_int_equal(find(s, "2001:db8::8"), NETSET_NONE);
}

static void smallest_number_wins_whatever_nests_in_what(void **state)
{
	AUTO_NETSET struct netset *s = netset_new();

	(void)state;
	add(s, "192.0.2.7", 9);
	add(s, "192.0.2.0/24", 5);
	add(s, "192.0.2.128/25", 2);
	add(s, "192.0.2.129", 7);
	add(s, "192.0.0.0/16", 8);
	add(s, "192.0.2.7", 4);
	add(s, "192.0.2.7", 6);
	assert_int_equal(netset_build(s), 0);
	assert_int_equal(find(s, "192.0.1.1"), 8);
	assert_int_equal(find(s, "192.0.2.6"), 5);
	assert_int_equal(find(s, "192.0.2.7"), 4);
	assert_int_equal(find(s, "192.0.2.8"), 5);
	assert_int_equal(find(s, "192.0.2.128"), 2);
	assert_int_equal(find(s, "192.0.2.129"), 2);
	assert_int_equal(find(s, "192.0.2.255"), 2);
	assert_int_equal(find(s, "192.0.3.0"), 8);
	assert_int_equal(find(s, "192.1.0.0"), NETSET_NONE);
}

static void ends_of_the_address_space_are_held(void **state)
{
	AUTO_NETSET struct netset *s = netset_new();

	(void)state;
	add(s, "::", 3);
	add(s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1);
	assert_int_equal(netset_build(s), 0);
	assert_int_equal(find(s, "::"), 3);
	assert_int_equal(find(s, "::1"), NETSET_NONE);
	assert_int_equal(find(s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"), NETSET_NONE);
	assert_int_equal(find(s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1);
}

static void everything_within_everything(void **state)
{
	AUTO_NETSET struct netset *s = netset_new();

	(void)state;
	for (unsigned prefix = 0; prefix <= 128; prefix++) {
		struct network n = {.prefix = (uint8_t)prefix};

		assert_int_equal(netset_add(s, &n, 128 - prefix), 0);
	}
	assert_int_equal(netset_build(s), 0);
	assert_int_equal(find(s, "::"), 0);
	assert_int_equal(find(s, "::1"), 1);
	assert_int_equal(find(s, "::2"), 2);
	assert_int_equal(find(s, "8000::"), 128);
	assert_int_equal(find(s, "4000::"), 127);
	assert_int_equal(find(s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 128);
}

static void bits_behind_the_prefix_do_not_matter(void **state)
{
	AUTO_NETSET struct netset *s = netset_new();
	struct network n = {.prefix = 120};

	(void)state;
	assert_int_equal(address_parse(SLICE_LITERAL("192.0.2.77"), &n.base), 0);
	assert_int_equal(netset_add(s, &n, 0), 0);
	assert_int_equal(netset_build(s), 0);
	assert_int_equal(find(s, "192.0.2.0"), 0);
	assert_int_equal(find(s, "192.0.2.255"), 0);
	assert_int_equal(find(s, "192.0.3.0"), NETSET_NONE);
}

static void numbers_tell_which_networks_decide(void **state)
{
	AUTO_NETSET struct netset *s = netset_new();
	bool seen[4] = {false};
	const uint32_t *numbers;
	size_t n;

	(void)state;
	add(s, "192.0.2.0/24", 0);
	add(s, "192.0.2.7", 1);
	add(s, "192.0.2.0/23", 2);
	add(s, "192.0.2.0/24", 3);
	assert_int_equal(netset_build(s), -0);
	n = netset_numbers(s, &numbers);
	for (size_t i = 0; i < n; i++)
		if (numbers[i] != NETSET_NONE)
			seen[numbers[i]] = true;
	assert_true(seen[0]);
	assert_false(seen[1]);
	assert_true(seen[2]);
	assert_false(seen[3]);
}

/* xorshift64: the same numbers on every machine. */
static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x >> 11;
}

/* Few bits differ, so that networks nest, touch and repeat. */
static struct address random_address(uint64_t *x)
{
	static const uint8_t bases[3][16] = {
		{[10] = 0xff, [11] = 0xff, 192, 0, 2, 0},
		{0x20, 0x01, 0x0d, 0xb8},
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		 0xff, 0xff},
	};
	struct address a;

	memcpy(a.bytes, bases[next_random(x) % 3], sizeof(a.bytes));
	a.bytes[15] ^= (uint8_t)(next_random(x) & 0x3f);
	if (next_random(x) % 4 == 0)
		a.bytes[next_random(x) % 16] ^= (uint8_t)(1U << next_random(x) % 8);
	return a;
}

static struct network random_network(uint64_t *x)
{
	struct network n = {.base = random_address(x)};

	n.prefix = (uint8_t)(next_random(x) % 3 ? 122 + next_random(x) % 7 : next_random(x) % 129);
	n.base = network_first(&n);
	return n;
}

static uint32_t linear(const struct network *networks, const uint32_t *numbers, size_t n,
		       const struct address *a)
{
	uint32_t best = NETSET_NONE;

	for (size_t i = 0; i < n; i++) {
		struct address first = network_first(&networks[i]),
			       last = network_last(&networks[i]);

		if (address_compare(a, &first) >= 0 && address_compare(a, &last) <= 0 &&
		    numbers[i] < best)
			best = numbers[i];
	}
	return best;
}

static void find_agrees_with_a_linear_search(void **state)
{
	enum { MOST = 200, PROBES = 300 };
	struct network networks[MOST];
	uint32_t numbers[MOST];
	uint64_t x = UINT64_C(0x9e3779b97f4a7c15);
	size_t found = 0;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		AUTO_NETSET struct netset *s = netset_new();
		size_t n = next_random(&x) % (round % 2 ? 8 : MOST) + 1;

		for (size_t i = 0; i < n; i++) {
			networks[i] = random_network(&x);
			numbers[i] = (uint32_t)(next_random(&x) % (2 * n));
			assert_int_equal(netset_add(s, &networks[i], numbers[i]), 0);
		}
		assert_int_equal(netset_build(s), 0);
		for (size_t i = 0; i < PROBES; i++) {
			const struct network *near = &networks[next_random(&x) % n];
			struct address a;
			uint32_t expected;

			switch (next_random(&x) % 3) {
			case 0:
				a = network_first(near);
				break;
			case 1:
				a = network_last(near);
				break;
			default:
				a = random_address(&x);
				break;
			}
			if (next_random(&x) % 3 == 0)
				a.bytes[15]++;
			expected = linear(networks, numbers, n, &a);
			found += expected != NETSET_NONE;
			assert_int_equal(netset_find(s, &a), expected);
		}
	}
	assert_in_range(found, 1, 300 * PROBES - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_set_holds_nothing),
		cmocka_unit_test(free_takes_null),
		cmocka_unit_test(network_holds_its_first_and_last_address_and_no_neighbour),
		cmocka_unit_test(smallest_number_wins_whatever_nests_in_what),
		cmocka_unit_test(ends_of_the_address_space_are_held),
		cmocka_unit_test(everything_within_everything),
		cmocka_unit_test(bits_behind_the_prefix_do_not_matter),
		cmocka_unit_test(numbers_tell_which_networks_decide),
		cmocka_unit_test(find_agrees_with_a_linear_search),
	};

	return cmocka_run_group_tests_name("netset", tests, NULL, NULL);
}
