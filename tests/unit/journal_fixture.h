/*
 * Journal files for the tests of the journal's and the collection's source, which
 * systemd-journal-remote makes from export text. Each test has a directory of its own.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "source/source.h"

#define T0   UINT64_C(1790000000000000) /* 2026-09-21 */
#define SEC  UINT64_C(1000000)
#define BOOT "0123456789abcdef0123456789abcdef"

static const char *const remotes[] = {"/usr/lib/systemd/systemd-journal-remote",
				      "/lib/systemd/systemd-journal-remote"};
static const char *const programs[] = {"sshd", "sshd-session", "dropbear", NULL};

struct fixture {
	char directory[64];
	const char *host; /* what entries say of whom they are */
	struct buffer text;
};

static const char *remote(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(remotes); i++)
		if (access(remotes[i], X_OK) == 0)
			return remotes[i];
	return NULL;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	(void)snprintf(f->directory, sizeof(f->directory), "/tmp/loginbell-test.XXXXXX");
	f->host = "web1";
	if (!mkdtemp(f->directory))
		return -1;
	f->text.max = 1 << 20;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", f->directory);
	buffer_done(&f->text);
	if (system(command) != 0)
		return -1;
	free(f);
	return 0;
}

/* Adds an entry of a boot @sec seconds after T0 to the text; @fields are further lines. */
static void boot_entry(struct fixture *f, const char *boot, unsigned sec, const char *fields,
		       const char *message)
{
	assert_int_equal(buffer_printf(&f->text,
				       "__REALTIME_TIMESTAMP=%" PRIu64
				       "\n__MONOTONIC_TIMESTAMP=%" PRIu64 "\n_BOOT_ID=%s"
				       "\n_HOSTNAME=%s\n%s\nMESSAGE=%s\n\n",
				       T0 + sec * SEC, (sec + 1) * SEC, boot, f->host, fields,
				       message),
			 0);
}

static void entry(struct fixture *f, unsigned sec, const char *fields, const char *message)
{
	boot_entry(f, BOOT, sec, fields, message);
}

#define SSHD "_UID=0\n_PID=7\n_COMM=sshd\nSYSLOG_IDENTIFIER=sshd"

static void login_of(struct fixture *f, unsigned sec, const char *user)
{
	char message[128];

	(void)snprintf(message, sizeof(message),
		       "Accepted publickey for %s from 192.0.2.1 port 22 ssh2", user);
	entry(f, sec, SSHD, message);
}

/* Writes the text so far into, or behind what is in, a journal file, and forgets it. */
static void write_journal(struct fixture *f, const char *file)
{
	char command[512];
	FILE *pipe;

	if (!remote())
		skip();
	(void)snprintf(command, sizeof(command), "%s -o '%s/%s' - >/dev/null 2>&1", remote(),
		       f->directory, file);
	pipe = popen(command, "w");
	assert_non_null(pipe);
	assert_int_equal(fwrite(f->text.data, 1, f->text.len, pipe), f->text.len);
	assert_int_equal(pclose(pipe), 0);
	buffer_clear(&f->text);
}
