/* The configuration's files in a directory of the test's own. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/io.h"
#include "store/config_file.h"

struct fixture {
	char dir[64];
	char conf[128]; /* DIR/test.conf */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/test_config_file.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	(void)snprintf(f->conf, sizeof(f->conf), "%s/test.conf", f->dir);
	*state = f;
	return 0;
}

/* Files in the order in which they can be removed. */
static const char *const all_files[] = {
	"test.conf.d/.hidden.conf",
	"test.conf.d/10-a.conf",
	"test.conf.d/9-b.conf",
	"test.conf.d/B.conf",
	"test.conf.d/a.conf",
	"test.conf.d/a.conf~",
	"test.conf.d/.conf",
	"test.conf.d/sub.conf",
	"test.conf.d",
	"test.conf",
};

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(all_files); i++) {
		char path[256];

		(void)snprintf(path, sizeof(path), "%s/%s", f->dir, all_files[i]);
		(void)remove(path);
	}
	(void)rmdir(f->dir);
	free(f);
	return 0;
}

static void write_file(const struct fixture *f, const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
}

static void make_dir(const struct fixture *f, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void is_to(const struct config *c, const char *expected)
{
	char text[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < c->destinations[0].to.n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "<%s>",
					 c->destinations[0].to.items[i]);
	assert_string_equal(text, expected);
}

static void load_reads_one_file_without_a_directory(void **state)
{
	const struct fixture *f = *state;
	AUTO_CONFIG struct config *c = NULL;
	struct error err;

	write_file(f, "test.conf", "[Mail]\nTo=main\n");
	assert_int_equal(config_file_load(f->conf, NULL, &c, NULL, NULL, &err), 0);
	is_to(c, "<main>");
}

static void load_reads_the_directory_by_order_of_bytes(void **state)
{
	const struct fixture *f = *state;
	AUTO_CONFIG struct config *c = NULL;
	struct error err;

	write_file(f, "test.conf", "[Mail]\nTo=main\nFrom=main\n");
	make_dir(f, "test.conf.d");
	write_file(f, "test.conf.d/a.conf", "[Mail]\nTo=a\nFrom=a\n");
	write_file(f, "test.conf.d/B.conf", "[Mail]\nTo=b\nFrom=b\n");
	write_file(f, "test.conf.d/9-b.conf", "[Mail]\nTo=nine\n");
	write_file(f, "test.conf.d/10-a.conf", "[Mail]\nTo=ten\n");
	write_file(f, "test.conf.d/.hidden.conf", "not read\n");
	write_file(f, "test.conf.d/.conf", "not read\n");
	write_file(f, "test.conf.d/a.conf~", "not read\n");
	assert_int_equal(config_file_load(f->conf, NULL, &c, NULL, NULL, &err), 0);
	is_to(c, "<main><ten><nine><b><a>");
	assert_string_equal(c->destinations[0].from, "a");
}

static void load_refuses_a_named_file_that_is_missing(void **state)
{
	const struct fixture *f = *state;
	struct config *c = NULL;
	char text[512], expected[512];
	struct error err;

	assert_int_equal(config_file_load(f->conf, NULL, &c, NULL, NULL, &err), -ENOENT);
	assert_null(c);
	error_format(&err, text, sizeof(text));
	(void)snprintf(expected, sizeof(expected), "%s: cannot be read: No such file or directory",
		       f->conf);
	assert_string_equal(text, expected);
}

static void load_names_a_directory_that_is_no_file(void **state)
{
	const struct fixture *f = *state;
	struct config *c = NULL;
	struct error err;
	char expected[256];

	write_file(f, "test.conf", "");
	make_dir(f, "test.conf.d");
	make_dir(f, "test.conf.d/sub.conf");
	assert_int_equal(config_file_load(f->conf, NULL, &c, NULL, NULL, &err), -EISDIR);
	assert_null(c);
	(void)snprintf(expected, sizeof(expected), "%s.d/sub.conf", f->conf);
	assert_string_equal(err.file, expected);
	assert_string_equal(err.text, "cannot be read: Is a directory");
}

static void load_names_a_file_in_place_of_the_directory(void **state)
{
	const struct fixture *f = *state;
	struct config *c = NULL;
	struct error err;
	char expected[256];

	write_file(f, "test.conf", "");
	write_file(f, "test.conf.d", "");
	assert_int_equal(config_file_load(f->conf, NULL, &c, NULL, NULL, &err), -ENOTDIR);
	(void)snprintf(expected, sizeof(expected), "%s.d", f->conf);
	assert_string_equal(err.file, expected);
}

static void load_refuses_more_than_a_mebibyte(void **state)
{
	const struct fixture *f = *state;
	AUTO_FREE char *text = malloc(CONFIG_TEXT_MAX + 2);
	AUTO_CONFIG struct config *c = NULL;
	struct error err;

	assert_non_null(text);
	memset(text, '\n', CONFIG_TEXT_MAX + 1);
	text[CONFIG_TEXT_MAX] = '\0';
	write_file(f, "test.conf", text);
	assert_int_equal(config_file_load(f->conf, NULL, &c, NULL, NULL, &err), 0);
	text[CONFIG_TEXT_MAX] = '\n';
	text[CONFIG_TEXT_MAX + 1] = '\0';
	write_file(f, "test.conf", text);
	c = config_free(c);
	assert_int_equal(config_file_load(f->conf, NULL, &c, NULL, NULL, &err), -E2BIG);
	assert_string_equal(err.file, f->conf);
	assert_string_equal(err.text, "larger than 1 MiB");
}

static void count_fault(const struct error *fault, void *userdata)
{
	char *seen = userdata;
	const char *name = strrchr(fault->file, '/') + 1;
	size_t used = strlen(seen);

	(void)snprintf(seen + used, 256 - used, "%s:%u ", name, fault->line);
}

static void load_tells_the_faults_of_all_files(void **state)
{
	const struct fixture *f = *state;
	struct config *c = NULL;
	char seen[256] = "";
	struct error err;

	write_file(f, "test.conf", "[Mail]\nTo=-\n");
	make_dir(f, "test.conf.d");
	write_file(f, "test.conf.d/a.conf", "x\n\n[Foo]\n");
	write_file(f, "test.conf.d/B.conf", "[Mail]\nTo=ok\n");
	assert_int_equal(config_file_load(f->conf, NULL, &c, count_fault, seen, &err), CONFIG_E_INVALID);
	assert_null(c);
	assert_string_equal(seen, "test.conf:2 a.conf:1 a.conf:3 ");
	assert_string_equal(err.file, f->conf);
	assert_int_equal(err.line, 2);
}

static void read_body_reads_a_text(void **state)
{
	const struct fixture *f = *state;
	AUTO_BUFFER struct buffer text = BUFFER_INIT(100);
	char path[256];
	struct config_destination d = {0};
	struct error err;

	assert_int_equal(config_file_read_body(&d, &text, &err), 0);
	assert_int_equal(text.len, 0);
	(void)snprintf(path, sizeof(path), "%s/a.conf", f->dir);
	d.body_file = path;
	assert_int_equal(config_file_read_body(&d, &text, &err), -ENOENT);
	assert_string_equal(err.file, path);
	assert_int_equal(text.len, 0);
	(void)snprintf(path, sizeof(path), "%s", f->conf);
	write_file(f, "test.conf", "${user}\n");
	assert_int_equal(config_file_read_body(&d, &text, &err), 0);
	assert_string_equal(buffer_cstr(&text), "${user}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(load_reads_one_file_without_a_directory, setup,
						teardown),
		cmocka_unit_test_setup_teardown(load_reads_the_directory_by_order_of_bytes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(load_refuses_a_named_file_that_is_missing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(load_names_a_directory_that_is_no_file, setup,
						teardown),
		cmocka_unit_test_setup_teardown(load_names_a_file_in_place_of_the_directory, setup,
						teardown),
		cmocka_unit_test_setup_teardown(load_refuses_more_than_a_mebibyte, setup, teardown),
		cmocka_unit_test_setup_teardown(load_tells_the_faults_of_all_files, setup,
						teardown),
		cmocka_unit_test_setup_teardown(read_body_reads_a_text, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
