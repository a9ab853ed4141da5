#define PCRE2_CODE_UNIT_WIDTH 8

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pcre2.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "text/pattern.h"

static inline void memory_auto_free(struct pattern_memory **m)
{
	(void)pattern_memory_free(*m);
}
#define AUTO_MEMORY CLEANUP(memory_auto_free)

static inline void pattern_auto_free(struct pattern **p)
{
	(void)pattern_free(*p);
}
#define AUTO_PATTERN CLEANUP(pattern_auto_free)

static enum pattern_answer search(const char *expression, struct slice text)
{
	AUTO_MEMORY struct pattern_memory *m = pattern_memory_new();
	AUTO_PATTERN struct pattern *p = NULL;

	if (pattern_new(slice_of(expression), &p, NULL) != 0)
		fail_msg("refused: %s", expression);
	return pattern_search(p, m, text);
}

static void free_takes_null(void **state)
{
	(void)state;
	assert_null(pattern_free(NULL));
	assert_null(pattern_memory_free(NULL));
}

static void search_finds_anywhere(void **state)
{
	(void)state;
	assert_int_equal(search("b+", SLICE_LITERAL("abbc")), PATTERN_FOUND);
	assert_int_equal(search("^b", SLICE_LITERAL("abbc")), PATTERN_ABSENT);
	assert_int_equal(search("c$", SLICE_LITERAL("abbc")), PATTERN_FOUND);
	assert_int_equal(search("B", SLICE_LITERAL("abbc")), PATTERN_ABSENT);
	assert_int_equal(search("(?i)B", SLICE_LITERAL("abbc")), PATTERN_FOUND);
	assert_int_equal(search("(a)(b)(b)(c)", SLICE_LITERAL("abbc")), PATTERN_FOUND);
	assert_int_equal(search("", (struct slice){NULL, 0}), PATTERN_FOUND);
	assert_int_equal(search("x", (struct slice){NULL, 0}), PATTERN_ABSENT);
}

static void search_takes_any_bytes(void **state)
{
	(void)state;
	assert_int_equal(search("a.b", SLICE_LITERAL("a\0b")), PATTERN_FOUND);
	assert_int_equal(search("a.b", SLICE_LITERAL("a\xff"
						     "b")),
			 PATTERN_FOUND);
	assert_int_equal(search("\xc3\xa9", SLICE_LITERAL("\xc3\xa9")), PATTERN_FOUND);
	assert_int_equal(search("^..$", SLICE_LITERAL("\xc3\xa9")), PATTERN_FOUND);
	assert_int_equal(search("b", (struct slice){"ab", 1}), PATTERN_ABSENT);
}

static void new_names_column_and_reason(void **state)
{
	static const struct {
		const char *expression;
		unsigned column;
		const char *text;
	} cases[] = {
		{"a(b", 4, "missing closing parenthesis"},
		{"*", 1, "quantifier does not follow a repeatable item"},
		{"ab[c", 5, "missing terminating ] for character class"},
		{"x\\", 3, "\\ at end of pattern"},
		{"(*UTF)x", 7, "using UTF is disabled by the application"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pattern *p = (struct pattern *)&cases;
		struct error err = {.column = 77};

		assert_int_equal(pattern_new(slice_of(cases[i].expression), &p, &err),
				 PATTERN_E_SYNTAX);
		assert_ptr_equal(p, &cases);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(err.column, cases[i].column);
	}
}

static void new_refuses_an_expression_over_64_kib(void **state)
{
	const size_t most = 65535;
	AUTO_FREE char *text = malloc(most + 1);
	AUTO_PATTERN struct pattern *p = NULL;
	struct error err;

	(void)state;
	memset(text, 'a', most + 1);
	/* One long literal, doubled by PCRE2, is too large on its own terms; a comment is not. */
	memcpy(text, "(?#", 3);
	text[most - 1] = ')';
	text[most] = 'b';
	assert_int_equal(pattern_new((struct slice){text, most}, &p, &err), 0);
	p = pattern_free(p);
	assert_int_equal(pattern_new((struct slice){text, most + 1}, &p, &err), PATTERN_E_SYNTAX);
	assert_string_equal(err.text, "the expression is longer than 65535 bytes");
}

static void search_over_its_limit_fails(void **state)
{
	char text[400];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(search("^(a+)+$", (struct slice){text, 20}), PATTERN_FOUND);
	text[sizeof(text) - 1] = '!';
	assert_int_equal(search("^(a+)+$", (struct slice){text, sizeof(text)}), PATTERN_FAILED);
	assert_int_equal(search("(*NO_JIT)^(a+)+$", (struct slice){text, sizeof(text)}),
			 PATTERN_FAILED);
	assert_int_equal(
		search("(*LIMIT_MATCH=4000000000)^(a+)+$", (struct slice){text, sizeof(text)}),
		PATTERN_FAILED);
	assert_int_equal(search("(*NO_JIT)^(?:a|(?R))*+\\d", (struct slice){text, sizeof(text)}),
			 PATTERN_ABSENT);
}

static void memory_is_usable_after_a_failure(void **state)
{
	AUTO_MEMORY struct pattern_memory *m = pattern_memory_new();
	AUTO_PATTERN struct pattern *evil = NULL, *good = NULL;
	char text[400];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '!';
	assert_int_equal(pattern_new(SLICE_LITERAL("(*NO_JIT)^(a+)+$"), &evil, NULL), 0);
	assert_int_equal(pattern_new(SLICE_LITERAL("a!$"), &good, NULL), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pattern_search(evil, m, (struct slice){text, sizeof(text)}),
				 PATTERN_FAILED);
		assert_int_equal(pattern_search(good, m, (struct slice){text, sizeof(text)}),
				 PATTERN_FOUND);
	}
}

/* Just-in-time code has a stack of 32 KiB; this needs more, and the interpreter manages. */
static void what_is_too_deep_for_compiled_code_is_interpreted(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(search("^(?:(a)|b)*$", (struct slice){text, sizeof(text)}), PATTERN_FOUND);
}

/* What MemoryDenyWriteExecute= does: by prctl(2) where the kernel has it, else by a filter. */
static bool deny_write_execute(void)
{
#ifdef __x86_64__
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {ARRAY_SIZE(filter), filter};
#endif

	/* PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN: Linux 6.3, newer than some headers. */
	if (prctl(65, 1UL, 0UL, 0UL, 0UL) == 0)
		return true;
#ifdef __x86_64__
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
#else
	return false;
#endif
}

enum { CHILD_RIGHT = 0, CHILD_WRONG, CHILD_NOT_DENIED };

static int search_without_executable_memory(void)
{
	struct pattern_memory *m;
	struct pattern *p = NULL;
	pcre2_code *code;
	int number;
	PCRE2_SIZE at;

	if (!deny_write_execute())
		return CHILD_NOT_DENIED;
	code = pcre2_compile((PCRE2_SPTR) "x", 1, 0, &number, &at, NULL);
	if (!code || pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0)
		return CHILD_NOT_DENIED;
	m = pattern_memory_new();
	if (pattern_new(SLICE_LITERAL("for (\\w+) from 192\\.0\\.2\\.7 "), &p, NULL) != 0)
		return CHILD_WRONG;
	if (pattern_search(p, m, SLICE_LITERAL("for u from 192.0.2.7 port 1")) != PATTERN_FOUND ||
	    pattern_search(p, m, SLICE_LITERAL("for u from 192.0.2.70 port 1")) != PATTERN_ABSENT)
		return CHILD_WRONG;
	return CHILD_RIGHT;
}

static void expressions_work_without_executable_memory(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(search_without_executable_memory());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CHILD_NOT_DENIED)
		skip();
	assert_int_equal(WEXITSTATUS(status), CHILD_RIGHT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		/* First: later there is executable memory that PCRE2 uses again. */
		cmocka_unit_test(expressions_work_without_executable_memory),
		cmocka_unit_test(free_takes_null),
		cmocka_unit_test(search_finds_anywhere),
		cmocka_unit_test(search_takes_any_bytes),
		cmocka_unit_test(new_names_column_and_reason),
		cmocka_unit_test(new_refuses_an_expression_over_64_kib),
		cmocka_unit_test(search_over_its_limit_fails),
		cmocka_unit_test(memory_is_usable_after_a_failure),
		cmocka_unit_test(what_is_too_deep_for_compiled_code_is_interpreted),
	};

	return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
