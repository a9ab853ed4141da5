/*
 * Fuzz target: alerts as the ledger holds them, composed into a mail. Whatever they hold, the mail
 * is 7-bit lines of at most 76 bytes, and its header has the fields that were meant, once each.
 * The first byte chooses style and templates.
 */
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "text/message/compose.h"

#define ALERTS_MAX 64
#define INPUT_MAX  65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static const struct {
	const char *name;
	bool always;
} fields[] = {
	{"Date", true},
	{"From", true},
	{"To", true},
	{"Message-ID", true},
	{"In-Reply-To", true},
	{"References", true},
	{"Subject", true},
	{"Auto-Submitted", true},
	{"X-Auto-Response-Suppress", true},
	{"X-Loginbell-Event", true},
	{"X-Loginbell-Host", false},
	{"X-Loginbell-User", false},
	{"X-Loginbell-Addr", false},
	{"X-Loginbell-Method", false},
	{"X-Loginbell-Key", false},
	{"X-Loginbell-Count", true},
	{"X-Loginbell-Verdict", false},
	{"MIME-Version", true},
	{"Content-Type", true},
	{"Content-Transfer-Encoding", true},
};

/* Reads a line of @mail: printable ASCII, CRLF at its end. */
static struct slice read_line(struct slice *mail)
{
	size_t n = 0;

	while (n < mail->n && mail->p[n] >= 0x20 && mail->p[n] <= 0x7e)
		n++;
	check(n <= 76 && mail->n - n >= 2 && memcmp(mail->p + n, "\r\n", 2) == 0);
	check(n == 0 || mail->p[n - 1] != ' ');
	*mail = slice_from(*mail, n + 2);
	return (struct slice){mail->p - n - 2, n};
}

static void check_mail(struct slice mail)
{
	size_t field = 0;

	for (;;) {
		struct slice line = read_line(&mail);

		if (line.n == 0)
			break;
		if (line.p[0] == ' ') {
			check(line.n > 1 && field > 0);
			continue;
		}
		for (;; field++) {
			size_t n;

			check(field < ARRAY_SIZE(fields));
			n = strlen(fields[field].name);
			if (line.n > n && line.p[n] == ':' &&
			    memcmp(line.p, fields[field].name, n) == 0)
				break;
			check(!fields[field].always);
		}
		field++;
	}
	check(field == ARRAY_SIZE(fields));
	while (mail.n > 0) {
		struct slice line = read_line(&mail);

		check(!slice_starts_with(line, ".") && !slice_starts_with(line, "From "));
	}
}

struct input {
	struct alert alerts[ALERTS_MAX];
	struct buffer storage[ALERTS_MAX];
	size_t n;
};

static void read_alerts(struct input *in, struct slice s)
{
	while (s.n > 0 && in->n < ALERTS_MAX) {
		const char *end = memmem(s.p, s.n, "\n\n", 2);
		size_t n = end ? (size_t)(end - s.p) + 1 : s.n;

		in->storage[in->n] = (struct buffer)BUFFER_INIT(INPUT_MAX);
		if (alert_read((struct slice){s.p, n}, &in->storage[in->n], &in->alerts[in->n]) ==
		    0)
			in->n++;
		else
			buffer_done(&in->storage[in->n]);
		s = slice_from(s, end ? n + 1 : n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char root[] = "root", admin[] = "admin@example.org", from[] = "bell@example.org";
	static char subject[] = "${user} ${addr} ${method} ${message}";
	static char whitelist[] = "/etc/loginbell/whitelist";
	static const char *to[] = {root, admin, NULL}, *whitelists[] = {whitelist, NULL};
	const struct config config = {.whitelist_files = {whitelists, 1}};
	struct config_destination destination = {.to = {to, 2}};
	AUTO_BUFFER struct buffer mail = BUFFER_INIT(MESSAGE_MAX);
	struct input in = {.n = 0};
	struct message_options options = {
		.config = &config,
		.destination = &destination,
		.host = "web1",
		.fqdn = "web1.example.org",
		.now_usec = 1795406706000000,
	};
	char id[MESSAGE_ID_MAX];

	if (size < 1 || size > INPUT_MAX)
		return 0;
	options.style = data[0] & 1 ? MESSAGE_NO_LOGS : MESSAGE_FULL;
	destination.subject = data[0] & 2 ? subject : NULL;
	if (data[0] & 4)
		options.body_template = SLICE_LITERAL("${message}\n${user} ${key} ${time}");
	options.note = data[0] & 8 ? "a note\n" : NULL;
	destination.from = data[0] & 16 ? from : NULL;
	read_alerts(&in, (struct slice){(const char *)data + 1, size - 1});
	if (in.n > 0) {
		check(compose_message(in.alerts, in.n, &options, &mail, id) == 0);
		check_mail(buffer_slice(&mail));
	}
	for (size_t i = 0; i < in.n; i++)
		buffer_done(&in.storage[i]);
	return 0;
}
