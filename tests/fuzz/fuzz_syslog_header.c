/* Any line: slices lie within it and in order, two readings are the same, no time of tomorrow. */
#include <stdlib.h>
#include <time.h>

#include "base/timetext.h"
#include "text/syslog_header.h"

#define NOW (UINT64_C(1795406706) * USEC_PER_SEC)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return 0;
}

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* The part lies between @from and the line's end; gives the part's end. */
static const char *require_behind(const char *from, struct slice part, const char *end)
{
	if (!part.p) {
		require(part.n == 0);
		return from;
	}
	require(part.p >= from && part.p + part.n <= end);
	return part.p + part.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice line = {(const char *)data, size};
	const char *at = line.p, *end = line.p + line.n;
	struct syslog_clock clock = {.now_usec = NOW};
	struct syslog_header h, again;

	if (syslog_header_parse(line, &clock, &h) != 0) {
		require(syslog_header_parse(line, &clock, &again) != 0);
		return 0;
	}
	require(syslog_header_parse(line, &clock, &again) == 0);
	require(h.realtime_usec == again.realtime_usec && slice_eq(h.message, again.message));
	at = require_behind(at, h.host, end);
	at = require_behind(at, h.program, end);
	at = require_behind(at, h.pid, end);
	(void)require_behind(at, h.message, end);
	require(h.message.p);
	for (size_t i = 0; i < h.pid.n; i++)
		require(h.pid.p[i] >= '0' && h.pid.p[i] <= '9');
	/* A year that is inferred is this one or earlier. */
	if (size > 20 && data[0] >= 'A' && data[3] == ' ' && data[6] == ' ' && data[15] == ' ' &&
	    !(data[16] >= '0' && data[16] <= '9'))
		require(h.realtime_usec <= NOW + USEC_PER_DAY);
	return 0;
}
