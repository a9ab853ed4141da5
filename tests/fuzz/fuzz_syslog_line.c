/* Any line: what is taken from it lies within it, and what is taken for a login may be one. */
#include <stdlib.h>

#include "base/timetext.h"
#include "text/login.h"
#include "text/syslog_line.h"

#define NOW (UINT64_C(1795406706) * USEC_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void require_within(struct slice part, struct slice line)
{
	require(part.p ? part.p >= line.p && part.p + part.n <= line.p + line.n : part.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const programs[] = {"sshd", "dropbear", NULL};
	struct slice line = {(const char *)data, size};
	struct syslog_clock clock = {.now_usec = NOW};
	struct syslog_line l;
	uint64_t again = 0;

	if (syslog_line_repeats(line, &again))
		require(again <= 1000000000);
	if (syslog_line_read(line, programs, &clock, &l) != 0)
		return 0;
	require(login_candidate(l.header.message));
	require(l.repeated <= 1000000000);
	require_within(l.header.host, line);
	require_within(l.header.program, line);
	require_within(l.header.pid, line);
	require_within(l.header.message, line);
	return 0;
}
