/*
 * An alert becomes a row of named values once, in the order of the JSON keys; the two writers only
 * differ in how they write a name and a value.
 */
#include "text/export.h"

#include <stdio.h>

#include "base/timetext.h"
#include "text/display.h"

enum type { TYPE_TEXT, TYPE_NUMBER, TYPE_BOOL, TYPE_TIME };

struct value {
	const char *key;     /* of the JSON object */
	const char *journal; /* of the export block */
	enum type type;
	bool known;
	struct slice text;
	uint64_t number;
};

#define ROW_MAX 32

struct row {
	struct value values[ROW_MAX];
	size_t n;
};

static void add_text(struct row *row, const char *key, const char *journal, struct slice text)
{
	row->values[row->n++] = (struct value){key, journal, TYPE_TEXT, text.p != NULL, text, 0};
}

static void add_number(struct row *row, const char *key, const char *journal, enum type type,
		       bool known, uint64_t number)
{
	row->values[row->n++] =
		(struct value){key, journal, type, known, {NULL, 0}, known ? number : 0};
}

static void fill_row(const struct alert *a, const struct export_verdict *v, struct slice rule,
		     struct row *row)
{
	/* A gap or an instance has no writer whom one could trust. */
	bool claim = a->kind == ALERT_LOGIN || a->kind == ALERT_FORGED;
	struct slice verdict = {NULL, 0};

	if (v)
		verdict = slice_of(v->allowed ? "allowed" : "alert");
	row->n = 0;
	add_number(row, "time", "__REALTIME_TIMESTAMP", TYPE_TIME, a->time_usec != 0, a->time_usec);
	add_text(row, "host", "_HOSTNAME", a->host);
	add_text(row, "program", "SYSLOG_IDENTIFIER", a->program);
	add_number(row, "pid", "_PID", TYPE_NUMBER, a->pid_known, a->pid);
	add_number(row, "uid", "_UID", TYPE_NUMBER, a->uid_known, a->uid);
	add_text(row, "method", "LOGINBELL_METHOD", a->method);
	add_text(row, "user", "LOGINBELL_USER", a->user);
	add_text(row, "addr", "LOGINBELL_ADDR", a->addr);
	add_number(row, "port", "LOGINBELL_PORT", TYPE_NUMBER, a->port_known, a->port);
	add_text(row, "key_type", "LOGINBELL_KEY_TYPE", a->key_type);
	add_text(row, "fingerprint", "LOGINBELL_FINGERPRINT", a->fingerprint);
	add_text(row, "cert_id", "LOGINBELL_CERT_ID", a->cert_id);
	/* Text: 64 bits are more than a JSON reader keeps of a number. */
	add_text(row, "cert_serial", "LOGINBELL_CERT_SERIAL", a->cert_serial);
	add_text(row, "ca_fingerprint", "LOGINBELL_CA_FINGERPRINT", a->ca_fingerprint);
	add_text(row, "extra", "LOGINBELL_EXTRA", a->extra);
	add_text(row, "kind", "LOGINBELL_KIND", slice_of(alert_kind_name(a->kind)));
	add_text(row, "verdict", "LOGINBELL_VERDICT", verdict);
	add_text(row, "rule", "LOGINBELL_RULE", rule);
	add_number(row, "trusted", "LOGINBELL_TRUSTED", TYPE_BOOL, claim, a->trusted);
	add_number(row, "ambiguous", "LOGINBELL_AMBIGUOUS", TYPE_BOOL, claim, a->ambiguous);
	add_number(row, "count", "LOGINBELL_COUNT", TYPE_NUMBER, a->count > 1, a->count);
	add_text(row, "message", "MESSAGE", a->message);
	add_text(row, "position", "__CURSOR", a->position);
}

/* "FILE:LINE" in @storage; absent where no rule decided. */
static int rule_text(const struct export_verdict *v, struct buffer *storage, struct slice *ret)
{
	int r;

	*ret = (struct slice){NULL, 0};
	if (!v || !v->file)
		return 0;
	r = buffer_append_str(storage, v->file);
	if (r == 0)
		r = buffer_append_char(storage, ':');
	if (r == 0)
		r = buffer_append_u64(storage, v->line);
	if (r == 0)
		*ret = buffer_slice(storage);
	return r;
}

static int json_value(const struct value *value, struct buffer *ret)
{
	char time[TIMETEXT_MAX];

	switch (value->type) {
	case TYPE_TEXT:
		return display_append_json(ret, value->text);
	case TYPE_NUMBER:
		return buffer_append_u64(ret, value->number);
	case TYPE_BOOL:
		return buffer_append_str(ret, value->number ? "true" : "false");
	case TYPE_TIME:
		return display_append_json(ret, slice_of(timetext_rfc3339(value->number, time)));
	}
	return 0;
}

static int json_row(const struct row *row, struct buffer *ret)
{
	const char *before = "{\"";
	int r;

	for (size_t i = 0; i < row->n; i++) {
		const struct value *value = &row->values[i];

		if (!value->known)
			continue;
		r = buffer_append_str(ret, before);
		if (r == 0)
			r = buffer_append_str(ret, value->key);
		if (r == 0)
			r = buffer_append_str(ret, "\":");
		if (r == 0)
			r = json_value(value, ret);
		if (r < 0)
			return r;
		before = ",\"";
	}
	return buffer_append_str(ret, "}\n");
}

/* As journald decides it: text is valid UTF-8 without controls other than tab. */
static bool is_text(struct slice s)
{
	for (size_t at = 0; at < s.n;) {
		uint32_t c;

		at += display_decode(slice_from(s, at), &c);
		if (c == DISPLAY_INVALID || (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0))
			return false;
	}
	return true;
}

static int journal_text(const char *name, struct slice text, struct buffer *ret)
{
	unsigned char size[8];
	int r;

	if (is_text(text)) {
		r = buffer_printf(ret, "%s=", name);
	} else {
		for (size_t i = 0; i < sizeof(size); i++)
			size[i] = (unsigned char)((uint64_t)text.n >> (8 * i));
		r = buffer_printf(ret, "%s\n", name);
		if (r == 0)
			r = buffer_append(ret, size, sizeof(size));
	}
	if (r == 0)
		r = buffer_append_slice(ret, text);
	return r < 0 ? r : buffer_append_char(ret, '\n');
}

static int journal_row(const struct row *row, struct buffer *ret)
{
	int r;

	for (size_t i = 0; i < row->n; i++) {
		const struct value *value = &row->values[i];

		if (!value->known)
			continue;
		if (value->type == TYPE_TEXT)
			r = journal_text(value->journal, value->text, ret);
		else
			r = buffer_printf(ret, "%s=%llu\n", value->journal,
					  (unsigned long long)value->number);
		if (r < 0)
			return r;
	}
	return buffer_append_char(ret, '\n');
}

static int export_row(const struct alert *a, const struct export_verdict *v, struct buffer *ret,
		      int (*write)(const struct row *row, struct buffer *ret))
{
	AUTO_BUFFER struct buffer storage = BUFFER_INIT(8192);
	size_t before = ret->len;
	struct slice rule;
	struct row row;
	int r;

	r = rule_text(v, &storage, &rule);
	if (r < 0)
		return r;
	fill_row(a, v, rule, &row);
	r = write(&row, ret);
	if (r < 0)
		ret->len = before;
	return r;
}

int export_json(const struct alert *a, const struct export_verdict *v, struct buffer *ret)
{
	return export_row(a, v, ret, json_row);
}

int export_journal(const struct alert *a, const struct export_verdict *v, struct buffer *ret)
{
	return export_row(a, v, ret, journal_row);
}
