/*
 * One table has the key, the form and the offset of every field. Writing and reading both use it,
 * so that they cannot disagree. KIND and SEQ come first: a search for a number reads no further.
 *
 * Unescaping never makes text longer. Room for the whole block is reserved once, so that slices
 * into it stay valid while more is appended.
 */
#include "text/alert.h"

#include <errno.h>
#include <stddef.h>

#include "base/number.h"

enum form {
	FORM_TEXT,
	FORM_U64,  /* left out when 0, or, if there is a bool that says so, when not known */
	FORM_FLAG, /* "1"; left out when false */
};

struct field {
	const char *key;
	enum form form;
	size_t offset;
	size_t known; /* offset of the bool; 0: none */
};

/* clang-format off */
#define TEXT(key, name)  {key, FORM_TEXT, offsetof(struct alert, name), 0}
#define U64(key, name)   {key, FORM_U64, offsetof(struct alert, name), 0}
#define FLAG(key, name)  {key, FORM_FLAG, offsetof(struct alert, name), 0}
#define KNOWN(key, name) \
	{key, FORM_U64, offsetof(struct alert, name), offsetof(struct alert, name##_known)}
/* clang-format on */

static const struct field fields[] = {
	TEXT("ID", id),
	U64("TIME_USEC", time_usec),
	U64("NOTED_USEC", noted_usec),
	U64("FROM_USEC", from_usec),
	U64("COUNT", count),
	TEXT("POSITION", position),
	TEXT("SOURCE", source),
	TEXT("HOST", host),
	TEXT("PROGRAM", program),
	TEXT("COMM", comm),
	KNOWN("PID", pid),
	KNOWN("UID", uid),
	FLAG("READABLE", readable),
	FLAG("TRUSTED", trusted),
	FLAG("AMBIGUOUS", ambiguous),
	FLAG("CUT", cut),
	FLAG("STARTED", started),
	TEXT("METHOD", method),
	TEXT("USER", user),
	TEXT("ADDR", addr),
	KNOWN("PORT", port),
	TEXT("KEY_TYPE", key_type),
	TEXT("FINGERPRINT", fingerprint),
	TEXT("CERT_ID", cert_id),
	TEXT("CERT_SERIAL", cert_serial),
	TEXT("CA_FINGERPRINT", ca_fingerprint),
	TEXT("EXTRA", extra),
	TEXT("REASON", reason),
	TEXT("MESSAGE", message),
};

const char *const alert_kind_names[ALERT_KINDS + 1] = {
	[ALERT_LOGIN] = "login",       [ALERT_FORGED] = "forged",	[ALERT_GAP] = "gap",
	[ALERT_INSTANCE] = "instance", [ALERT_HEARTBEAT] = "heartbeat",
};

int alert_kind_parse(struct slice name, enum alert_kind *ret)
{
	for (unsigned i = 0; i < ALERT_KINDS; i++)
		if (slice_eq_str(name, alert_kind_names[i])) {
			*ret = (enum alert_kind)i;
			return 0;
		}
	return -EINVAL;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

int alert_escape(struct slice s, struct buffer *ret)
{
	static const char hex[] = "0123456789abcdef";
	size_t start = ret->len, plain = 0;
	int r = 0;

	if (s.n == 0)
		return 0;
	for (size_t i = 0; r == 0 && i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char text[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
		size_t n = 4;

		if (!is_control(s.p[i]) && c != '\\')
			continue;
		if (c == '\\' || c == '\n' || c == '\r') {
			text[1] = c == '\\' ? '\\' : c == '\n' ? 'n' : 'r';
			n = 2;
		}
		r = buffer_append(ret, s.p + plain, i - plain);
		if (r == 0)
			r = buffer_append(ret, text, n);
		plain = i + 1;
	}
	if (r == 0)
		r = buffer_append(ret, s.p + plain, s.n - plain);
	if (r < 0)
		ret->len = start;
	return r;
}

int alert_unescape(struct slice s, struct buffer *ret)
{
	size_t start = ret->len;
	int r = 0;

	while (r == 0 && s.n > 0) {
		const char *backslash = memchr(s.p, '\\', s.n);
		size_t plain = backslash ? (size_t)(backslash - s.p) : s.n;
		uint64_t v;
		size_t n = 2;
		char c;

		r = buffer_append(ret, s.p, plain);
		s = slice_from(s, plain);
		if (r < 0 || s.n == 0)
			break;
		if (s.n >= 2 && s.p[1] == '\\')
			c = '\\';
		else if (s.n >= 2 && s.p[1] == 'n')
			c = '\n';
		else if (s.n >= 2 && s.p[1] == 'r')
			c = '\r';
		else if (s.n >= 4 && s.p[1] == 'x' &&
			 number_parse_hex((struct slice){s.p + 2, 2}, 0xff, &v) == 0) {
			c = (char)v;
			n = 4;
		} else {
			r = -EINVAL;
			break;
		}
		r = buffer_append_char(ret, c);
		s = slice_from(s, n);
	}
	if (r < 0)
		ret->len = start;
	return r;
}

static int write_field(const struct field *f, const struct alert *a, struct buffer *ret)
{
	const char *base = (const char *)a;
	const void *at = base + f->offset;
	const struct slice *text = at;
	uint64_t v;
	int r;

	if (f->form == FORM_TEXT) {
		if (!text->p)
			return 0;
		r = buffer_printf(ret, "%s=", f->key);
		if (r == 0)
			r = alert_escape(*text, ret);
		return r < 0 ? r : buffer_append_char(ret, '\n');
	}
	v = f->form == FORM_FLAG ? *(const bool *)at : *(const uint64_t *)at;
	if (f->known ? !*(const bool *)(base + f->known) : v == 0)
		return 0;
	return buffer_printf(ret, "%s=%llu\n", f->key, (unsigned long long)v);
}

int alert_write(const struct alert *a, struct buffer *ret)
{
	size_t start = ret->len;
	int r = buffer_printf(ret, "KIND=%s\nSEQ=%llu\n", alert_kind_names[a->kind],
			      (unsigned long long)a->seq);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++)
		r = write_field(&fields[i], a, ret);
	if (r < 0)
		ret->len = start;
	return r;
}

void alert_clip(struct alert *a, size_t max)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct slice *text = (struct slice *)((char *)a + fields[i].offset);

		if (fields[i].form == FORM_TEXT && text->n > max) {
			text->n = max;
			a->cut = true;
		}
	}
}

static int read_field(const struct field *f, struct slice value, struct buffer *storage,
		      struct alert *a)
{
	char *base = (char *)a;
	void *at = base + f->offset;
	size_t start = storage->len;
	uint64_t v;
	int r;

	if (f->form == FORM_TEXT) {
		r = alert_unescape(value, storage);
		if (r == 0)
			*(struct slice *)at =
				(struct slice){storage->data + start, storage->len - start};
		return r;
	}
	if (number_parse_u64(value, f->form == FORM_FLAG ? 1 : UINT64_MAX, &v) < 0)
		return -EINVAL;
	if (f->form == FORM_FLAG)
		*(bool *)at = v != 0;
	else
		*(uint64_t *)at = v;
	if (f->known)
		*(bool *)(base + f->known) = true;
	return 0;
}

static bool is_key(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
		      s.p[i] == '_'))
			return false;
	return s.n > 0;
}

int alert_read(struct slice block, struct buffer *storage, struct alert *ret)
{
	bool kind_seen = false, seq_seen = false;
	struct alert a = {0};
	int r;

	buffer_clear(storage);
	r = buffer_reserve(storage, block.n);
	if (r < 0)
		return r;
	while (block.n > 0) {
		const char *end = memchr(block.p, '\n', block.n);
		struct slice line = {block.p, end ? (size_t)(end - block.p) : block.n};
		const char *equals = memchr(line.p, '=', line.n);
		struct slice key, value;

		block = slice_from(block, line.n + (end != NULL));
		if (!equals)
			return -EINVAL;
		key = (struct slice){line.p, (size_t)(equals - line.p)};
		value = slice_from(line, key.n + 1);
		if (!is_key(key))
			return -EINVAL;
		if (slice_eq_str(key, "KIND")) {
			r = alert_kind_parse(value, &a.kind);
			kind_seen = true;
		} else if (slice_eq_str(key, "SEQ")) {
			r = number_parse_u64(value, UINT64_MAX, &a.seq) < 0 ? -EINVAL : 0;
			seq_seen = true;
		} else
			for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
				if (slice_eq_str(key, fields[i].key)) {
					r = read_field(&fields[i], value, storage, &a);
					break;
				}
		if (r < 0)
			return r;
	}
	if (!kind_seen || !seq_seen)
		return -EINVAL;
	*ret = a;
	return 0;
}
