/* Alerts as blocks of text: every field there and back, and what is no block. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/alert.h"

#define TEXT(s) SLICE_LITERAL(s)

static const struct alert full = {
	.kind = ALERT_FORGED,
	.seq = UINT64_MAX,
	.time_usec = 1,
	.noted_usec = UINT64_MAX,
	.id = {"0123456789abcdef0123456789abcdef", 32},
	.position = {"s=1;i=2", 7},
	.source = {"journal", 7},
	.host = {"web1", 4},
	.program = {"sshd", 4},
	.comm = {"tail", 4},
	.pid_known = true,
	.uid_known = true,
	.pid = 0,
	.uid = 4294967295,
	.message = {"a\\b\n\r\t\0\x7f\xff=", 10},
	.reason = {"no rule allows it", 17},
	.readable = true,
	.trusted = true,
	.ambiguous = true,
	.cut = true,
	.started = true,
	.method = {"publickey", 9},
	.user = {"", 0},
	.addr = {"2001:db8::1", 11},
	.key_type = {"ED25519-CERT", 12},
	.fingerprint = {"SHA256:a", 8},
	.cert_id = {" id", 3},
	.cert_serial = {"7", 1},
	.ca_fingerprint = {"SHA256:b", 8},
	.extra = {"ED25519 SHA256:a", 16},
	.port_known = true,
	.port = 65535,
	.count = 3,
	.from_usec = 2,
};

static const char full_text[] =
	"KIND=forged\n"
	"SEQ=18446744073709551615\n"
	"ID=0123456789abcdef0123456789abcdef\n"
	"TIME_USEC=1\n"
	"NOTED_USEC=18446744073709551615\n"
	"FROM_USEC=2\n"
	"COUNT=3\n"
	"POSITION=s=1;i=2\n"
	"SOURCE=journal\n"
	"HOST=web1\n"
	"PROGRAM=sshd\n"
	"COMM=tail\n"
	"PID=0\n"
	"UID=4294967295\n"
	"READABLE=1\n"
	"TRUSTED=1\n"
	"AMBIGUOUS=1\n"
	"CUT=1\n"
	"STARTED=1\n"
	"METHOD=publickey\n"
	"USER=\n"
	"ADDR=2001:db8::1\n"
	"PORT=65535\n"
	"KEY_TYPE=ED25519-CERT\n"
	"FINGERPRINT=SHA256:a\n"
	"CERT_ID= id\n"
	"CERT_SERIAL=7\n"
	"CA_FINGERPRINT=SHA256:b\n"
	"EXTRA=ED25519 SHA256:a\n"
	"REASON=no rule allows it\n"
	"MESSAGE=a\\\\b\\n\\r\\x09\\x00\\x7f\xff=\n";

static void assert_text(struct slice s, const char *want, size_t n)
{
	assert_int_equal(s.n, n);
	assert_memory_equal(s.p, want, n);
}

#define assert_slice(a, b)                                                                         \
	do {                                                                                       \
		assert_int_equal((a).p != NULL, (b).p != NULL);                                    \
		assert_true(slice_eq(a, b));                                                       \
	} while (0)

static void assert_alert(const struct alert *a, const struct alert *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_true(a->seq == b->seq && a->time_usec == b->time_usec &&
		    a->noted_usec == b->noted_usec && a->count == b->count &&
		    a->from_usec == b->from_usec && a->pid == b->pid && a->uid == b->uid &&
		    a->port == b->port);
	assert_true(a->pid_known == b->pid_known && a->uid_known == b->uid_known &&
		    a->port_known == b->port_known && a->readable == b->readable &&
		    a->trusted == b->trusted && a->ambiguous == b->ambiguous && a->cut == b->cut &&
		    a->started == b->started);
	assert_slice(a->id, b->id);
	assert_slice(a->position, b->position);
	assert_slice(a->source, b->source);
	assert_slice(a->host, b->host);
	assert_slice(a->program, b->program);
	assert_slice(a->comm, b->comm);
	assert_slice(a->message, b->message);
	assert_slice(a->reason, b->reason);
	assert_slice(a->method, b->method);
	assert_slice(a->user, b->user);
	assert_slice(a->addr, b->addr);
	assert_slice(a->key_type, b->key_type);
	assert_slice(a->fingerprint, b->fingerprint);
	assert_slice(a->cert_id, b->cert_id);
	assert_slice(a->cert_serial, b->cert_serial);
	assert_slice(a->ca_fingerprint, b->ca_fingerprint);
	assert_slice(a->extra, b->extra);
}

static void write_makes_a_line_of_every_field(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4096);

	(void)state;
	assert_int_equal(alert_write(&full, &b), 0);
	assert_text(buffer_slice(&b), full_text, sizeof(full_text) - 1);
}

static void write_leaves_out_what_is_absent(void **state)
{
	AUTO_BUFFER struct buffer b = BUFFER_INIT(4096);
	const struct alert a = {.kind = ALERT_GAP};

	(void)state;
	assert_int_equal(alert_write(&a, &b), 0);
	assert_text(buffer_slice(&b), "KIND=gap\nSEQ=0\n", 15);
}

static void write_beyond_the_maximum_changes_nothing(void **state)
{
	(void)state;
	for (size_t max = 4; max < 4 + sizeof(full_text) - 1; max++) {
		AUTO_BUFFER struct buffer b = BUFFER_INIT(max);

		assert_int_equal(buffer_append_str(&b, "keep"), 0);
		assert_int_equal(alert_write(&full, &b), -E2BIG);
		assert_text(buffer_slice(&b), "keep", 4);
	}
}

static void read_gives_back_every_field(void **state)
{
	AUTO_BUFFER struct buffer storage = BUFFER_INIT(sizeof(full_text) - 1);
	struct alert a;

	(void)state;
	assert_int_equal(alert_read(TEXT(full_text), &storage, &a), 0);
	assert_alert(&a, &full);
}

static void read_leaves_absent_fields_absent(void **state)
{
	AUTO_BUFFER struct buffer storage = BUFFER_INIT(64);
	const struct alert want = {.kind = ALERT_LOGIN, .seq = 1};
	struct alert a;

	(void)state;
	assert_int_equal(alert_read(TEXT("KIND=login\nSEQ=1\n"), &storage, &a), 0);
	assert_alert(&a, &want);
	assert_int_equal(alert_read(TEXT("SEQ=1\nKIND=login"), &storage, &a), 0);
	assert_alert(&a, &want);
}

static void read_skips_unknown_keys(void **state)
{
	AUTO_BUFFER struct buffer storage = BUFFER_INIT(64);
	struct alert a;

	(void)state;
	assert_int_equal(alert_read(TEXT("KIND=login\nSEQ=1\nLATER_1=\\q\nHOST=h\n"), &storage, &a),
			 0);
	assert_text(a.host, "h", 1);
}

static void read_rejects_what_is_no_block(void **state)
{
	static const char *const blocks[] = {
		"",
		"\n",
		"KIND=login\n",
		"SEQ=1\n",
		"KIND=login\nSEQ=1\n\n",
		"KIND=login\n\nSEQ=1\n",
		"KIND=login\nSEQ=1\nHOST\n",
		"KIND=login\nSEQ=1\n=x\n",
		"KIND=login\nSEQ=1\nhost=x\n",
		"KIND=login\nSEQ=1\nHO ST=x\n",
		"KIND=Login\nSEQ=1\n",
		"KIND=\nSEQ=1\n",
		"KIND=login\nSEQ=\n",
		"KIND=login\nSEQ=-1\n",
		"KIND=login\nSEQ=18446744073709551616\n",
		"KIND=login\nSEQ=1\nPID= 1\n",
		"KIND=login\nSEQ=1\nPORT=18446744073709551616\n",
		"KIND=login\nSEQ=1\nCUT=2\n",
		"KIND=login\nSEQ=1\nCUT=\n",
		"KIND=login\nSEQ=1\nHOST=\\\n",
		"KIND=login\nSEQ=1\nHOST=\\t\n",
		"KIND=login\nSEQ=1\nHOST=\\x0\n",
		"KIND=login\nSEQ=1\nHOST=\\x0g\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		AUTO_BUFFER struct buffer storage = BUFFER_INIT(256);
		struct alert a = {.seq = 77};

		assert_int_equal(alert_read(slice_of(blocks[i]), &storage, &a), -EINVAL);
		assert_true(a.seq == 77);
	}
}

static void read_into_too_little_storage_fails(void **state)
{
	AUTO_BUFFER struct buffer storage = BUFFER_INIT(15);
	struct alert a;

	(void)state;
	assert_int_equal(alert_read(TEXT("KIND=login\nSEQ=1"), &storage, &a), -E2BIG);
}

static void escape_is_undone_for_every_byte(void **state)
{
	AUTO_BUFFER struct buffer escaped = BUFFER_INIT(2048), plain = BUFFER_INIT(2048);
	char all[256];

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		all[i] = (char)i;
	assert_int_equal(alert_escape((struct slice){all, 256}, &escaped), 0);
	for (size_t i = 0; i < escaped.len; i++)
		assert_true((unsigned char)escaped.data[i] >= 0x20 && escaped.data[i] != 0x7f);
	assert_int_equal(alert_unescape(buffer_slice(&escaped), &plain), 0);
	assert_text(buffer_slice(&plain), all, 256);
}

static void clip_shortens_texts_and_says_so(void **state)
{
	struct alert a = {.host = TEXT("12345"), .message = TEXT("123456")};

	(void)state;
	alert_clip(&a, 6);
	assert_false(a.cut);
	alert_clip(&a, 5);
	assert_true(a.cut);
	assert_text(a.host, "12345", 5);
	assert_text(a.message, "12345", 5);
	assert_null(a.user.p);
}

static void kinds_have_names_that_are_read_back(void **state)
{
	static const char *const names[] = {"login", "forged", "gap", "instance", "heartbeat"};
	enum alert_kind kind;

	(void)state;
	assert_int_equal(ARRAY_SIZE(names), ALERT_KINDS);
	for (unsigned i = 0; i < ALERT_KINDS; i++) {
		assert_string_equal(alert_kind_names[(enum alert_kind)i], names[i]);
		assert_int_equal(alert_kind_parse(slice_of(names[i]), &kind), 0);
		assert_int_equal(kind, i);
	}
	assert_int_equal(alert_kind_parse(TEXT("logins"), &kind), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_makes_a_line_of_every_field),
		cmocka_unit_test(write_leaves_out_what_is_absent),
		cmocka_unit_test(write_beyond_the_maximum_changes_nothing),
		cmocka_unit_test(read_gives_back_every_field),
		cmocka_unit_test(read_leaves_absent_fields_absent),
		cmocka_unit_test(read_skips_unknown_keys),
		cmocka_unit_test(read_rejects_what_is_no_block),
		cmocka_unit_test(read_into_too_little_storage_fails),
		cmocka_unit_test(escape_is_undone_for_every_byte),
		cmocka_unit_test(clip_shortens_texts_and_says_so),
		cmocka_unit_test(kinds_have_names_that_are_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
