/* Any message: slices lie within it, the hot path misses nothing, two readings are the same. */
#include <stdlib.h>

#include "text/login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void require_within(struct slice part, struct slice whole)
{
	require(!part.p ? part.n == 0 : part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static bool same(struct slice a, struct slice b)
{
	return a.p == b.p && a.n == b.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice m = {(const char *)data, size};
	AUTO_BUFFER struct buffer decoded = BUFFER_INIT(size + 1);
	enum login_reading reading;
	struct login l, again;
	const char *end;

	reading = login_parse(m, &l);
	require(reading == LOGIN_NONE || login_candidate(m));
	require(login_parse(m, &again) == reading);
	if (size >= 9 && memcmp(data, "Accepted ", 9) == 0 && reading == LOGIN_NONE)
		require(memmem(data, size, "key ", 4) || memmem(data, size, "certificate ID ", 15));
	if (reading != LOGIN_ACCEPTED) {
		require(!l.method.p && !l.user.p && !l.addr.p && l.n_foreign == 0);
		return 0;
	}
	require(l.method.n > 0 && l.user.p && l.addr.n > 0 && l.port <= 65535);
	require(same(l.user, again.user) && same(l.addr, again.addr) && l.port == again.port);
	require(l.addr_known || slice_eq_str(l.addr, "UNKNOWN"));
	if (l.vis_escaped)
		require_within(l.method, m);
	require_within(l.user, m);
	require_within(l.addr, m);
	require(l.user.p + l.user.n <= l.addr.p);
	require_within(l.extra, m);
	require_within(l.key_type, m);
	require_within(l.fingerprint, m);
	if (l.extra.p) {
		require_within(l.key_type, l.extra);
		require_within(l.fingerprint, l.extra);
	}
	require_within(l.cert_id, l.extra);
	require_within(l.cert_serial, l.extra);
	require_within(l.ca_fingerprint, l.extra);
	require(!l.ca_fingerprint.p || (l.cert_id.p && l.cert_serial.p && !l.cut));
	require(l.cut == (size >= LOGIN_CUT_LENGTH));
	require(l.n_foreign <= LOGIN_FOREIGN_MAX);
	end = l.addr.p + l.addr.n;
	for (size_t i = 0; i < l.n_foreign; i++) {
		require(l.foreign[i].n > 0 && l.foreign[i].p >= end);
		require_within(l.foreign[i], m);
		end = l.foreign[i].p + l.foreign[i].n;
	}
	require(login_unescape(l.user, &decoded) == 0 && decoded.len <= l.user.n);
	/* An origin that somebody puts behind the true one never goes unmarked. */
	if (l.extra.n > 0 && size < 4096) {
		AUTO_BUFFER struct buffer b = BUFFER_INIT(8192);

		require(buffer_append(&b, m.p, m.n) == 0 &&
			buffer_append_str(&b, " from 192.0.2.1 port 1") == 0);
		require(login_parse(buffer_slice(&b), &again) == LOGIN_ACCEPTED && again.ambiguous);
	}
	return 0;
}
