/*
 * An alert becomes a row of named values, in the order of the JSON keys. The two writers differ
 * only in how they write a name and a value.
 */
#include "text/export.h"

#include <stdio.h>

#include "base/number.h"
#include "base/timetext.h"
#include "text/display.h"

enum type { TYPE_TEXT, TYPE_NUMBER, TYPE_BOOL, TYPE_TIME };

struct name {
	char json[24];	     /* with the comma, quotes and colon around it */
	size_t json_n;	     /* its length */
	const char *journal; /* of the export block */
};

#define NAME(key, journal)                                                                         \
	__extension__({                                                                            \
		static const struct name n = {",\"" key "\":", sizeof(",\"" key "\":") - 1,        \
					      journal};                                            \
		&n;                                                                                \
	})

struct value {
	const struct name *name;
	enum type type;
	struct slice text;
	uint64_t number;
};

#define ROW_MAX 32

struct row {
	struct value values[ROW_MAX];
	size_t n;
};

static void add_text(struct row *row, const struct name *name, struct slice text)
{
	if (text.p)
		row->values[row->n++] = (struct value){name, TYPE_TEXT, text, 0};
}

static void add_number(struct row *row, const struct name *name, enum type type, bool known,
		       uint64_t number)
{
	if (known)
		row->values[row->n++] = (struct value){name, type, {NULL, 0}, number};
}

static void fill_row(const struct alert *a, const struct export_verdict *v, struct slice rule,
		     struct row *row)
{
	/* Other kinds have no record whose writer could be trusted. */
	bool claim = a->kind == ALERT_LOGIN || a->kind == ALERT_FORGED;
	struct slice verdict = {NULL, 0};

	if (v)
		verdict = slice_of(v->allowed ? "allowed" : "alert");
	row->n = 0;
	add_number(row, NAME("time", "__REALTIME_TIMESTAMP"), TYPE_TIME, a->time_usec != 0,
		   a->time_usec);
	add_text(row, NAME("host", "_HOSTNAME"), a->host);
	add_text(row, NAME("program", "SYSLOG_IDENTIFIER"), a->program);
	add_number(row, NAME("pid", "_PID"), TYPE_NUMBER, a->pid_known, a->pid);
	add_number(row, NAME("uid", "_UID"), TYPE_NUMBER, a->uid_known, a->uid);
	add_text(row, NAME("method", "LOGINBELL_METHOD"), a->method);
	add_text(row, NAME("user", "LOGINBELL_USER"), a->user);
	add_text(row, NAME("addr", "LOGINBELL_ADDR"), a->addr);
	add_number(row, NAME("port", "LOGINBELL_PORT"), TYPE_NUMBER, a->port_known, a->port);
	add_text(row, NAME("key_type", "LOGINBELL_KEY_TYPE"), a->key_type);
	add_text(row, NAME("fingerprint", "LOGINBELL_FINGERPRINT"), a->fingerprint);
	add_text(row, NAME("cert_id", "LOGINBELL_CERT_ID"), a->cert_id);
	/* Text: a JSON reader loses digits of a 64-bit number. */
	add_text(row, NAME("cert_serial", "LOGINBELL_CERT_SERIAL"), a->cert_serial);
	add_text(row, NAME("ca_fingerprint", "LOGINBELL_CA_FINGERPRINT"), a->ca_fingerprint);
	add_text(row, NAME("extra", "LOGINBELL_EXTRA"), a->extra);
	add_text(row, NAME("kind", "LOGINBELL_KIND"), slice_of(alert_kind_names[a->kind]));
	add_text(row, NAME("verdict", "LOGINBELL_VERDICT"), verdict);
	add_text(row, NAME("rule", "LOGINBELL_RULE"), rule);
	add_number(row, NAME("trusted", "LOGINBELL_TRUSTED"), TYPE_BOOL, claim, a->trusted);
	add_number(row, NAME("ambiguous", "LOGINBELL_AMBIGUOUS"), TYPE_BOOL, claim, a->ambiguous);
	add_number(row, NAME("count", "LOGINBELL_COUNT"), TYPE_NUMBER, a->count > 1, a->count);
	add_text(row, NAME("message", "MESSAGE"), a->message);
	add_text(row, NAME("position", "__CURSOR"), a->position);
}

/* "FILE:LINE" in @storage; absent if no rule decided. */
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

static char *put_text(char *at, const char *text)
{
	size_t n = strlen(text);

	memcpy(at, text, n);
	return at + n;
}

static char *put_json_value(char *at, const struct value *value)
{
	char time[TIMETEXT_MAX];

	switch (value->type) {
	case TYPE_TEXT:
		return display_put_json(at, value->text);
	case TYPE_NUMBER:
		return number_put_u64(at, value->number);
	case TYPE_BOOL:
		return put_text(at, value->number ? "true" : "false");
	case TYPE_TIME:
		return display_put_json(at, slice_of(timetext_rfc3339(value->number, time)));
	}
	return at;
}

/* Room for the longest form of a row is reserved once. */
static int json_row(const struct row *row, struct buffer *ret)
{
	size_t most = sizeof("}\n");
	char *at;
	int r;

	for (size_t i = 0; i < row->n; i++)
		most += sizeof(row->values[i].name->json) + TIMETEXT_MAX +
			DISPLAY_JSON_MAX(row->values[i].text.n);
	r = buffer_reserve(ret, most);
	if (r < 0)
		return r;
	at = ret->data + ret->len;
	for (size_t i = 0; i < row->n; i++) {
		const struct value *value = &row->values[i];

		memcpy(at, value->name->json, sizeof(value->name->json));
		at = put_json_value(at + value->name->json_n, value);
	}
	ret->data[ret->len] = '{'; /* no comma before the first */
	at = put_text(at, "}\n");
	ret->len = (size_t)(at - ret->data);
	return 0;
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

		if (value->type == TYPE_TEXT)
			r = journal_text(value->name->journal, value->text, ret);
		else
			r = buffer_printf(ret, "%s=%llu\n", value->name->journal,
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
