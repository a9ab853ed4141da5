/* The host's names, as far as they do not depend on a resolver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/hostname.h"

static void init_asks_the_kernel(void **state)
{
	char own[HOSTNAME_SIZE] = "";
	struct hostname h;

	(void)state;
	assert_int_equal(gethostname(own, sizeof(own) - 1), 0);
	hostname_init(&h);
	assert_string_equal(h.host, own);
	assert_string_equal(h.fqdn, "");
}

static void a_name_with_a_dot_is_not_looked_up(void **state)
{
	struct hostname h = {.host = "web1.invalid"};

	(void)state;
	assert_string_equal(hostname_fqdn(&h), "web1.invalid");
}

static void localhost_has_no_domain(void **state)
{
	struct hostname h = {.host = "localhost"};

	(void)state;
	assert_string_equal(hostname_fqdn(&h), "localhost");
}

static void a_name_is_looked_up_once(void **state)
{
	struct hostname h = {.host = "web1", .fqdn = "web1.example.org"};

	(void)state;
	assert_string_equal(hostname_fqdn(&h), "web1.example.org");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_asks_the_kernel),
		cmocka_unit_test(a_name_with_a_dot_is_not_looked_up),
		cmocka_unit_test(localhost_has_no_domain),
		cmocka_unit_test(a_name_is_looked_up_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
