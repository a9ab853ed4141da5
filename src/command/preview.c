/*
 * The sender's classes and sizes, without its clock: logins and the like in mails of MaxPerMail=,
 * forged records apart and last. Each destination takes what its Events= name.
 */
#include "command/preview.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "text/message/compose.h"

#define BLOCK_MAX ((size_t)1 << 18)

enum { CLASS_LOGIN, CLASS_FORGED, CLASSES };

struct kept {
	struct alert alert;
	struct buffer storage;
};

struct batch {
	struct kept *kept;
	size_t n, size;
};

struct preview {
	const struct config *config;
	struct batch batches[CLASSES];
	uint64_t seq;
	char host[256];
};

struct preview *preview_new(const struct config *config)
{
	struct preview *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->config = config;
	if (gethostname(p->host, sizeof(p->host)) < 0)
		(void)snprintf(p->host, sizeof(p->host), "localhost");
	p->host[sizeof(p->host) - 1] = '\0';
	return p;
}

static void clear(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		buffer_done(&b->kept[i].storage);
	b->n = 0;
}

struct preview *preview_free(struct preview *p)
{
	if (!p)
		return NULL;
	for (size_t i = 0; i < CLASSES; i++) {
		clear(&p->batches[i]);
		free(p->batches[i].kept);
	}
	free(p);
	return NULL;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/*
 * Prints a mail for reading: LF line ends, and the body without its quoted-printable (RFC 2045,
 * section 6.7), as a mail program shows it. What message_compose() made is safe for a terminal.
 */
static void print_decoded(struct slice mail)
{
	static const char encoded[] = "\r\nContent-Transfer-Encoding: quoted-printable\r\n";
	const char *end = memmem(mail.p, mail.n, "\r\n\r\n", 4);
	size_t head = end ? (size_t)(end - mail.p) + 2 : mail.n;
	bool decode = memmem(mail.p, head, encoded, sizeof(encoded) - 1) != NULL;

	for (size_t i = 0; i < mail.n; i++) {
		const char *at = mail.p + i;
		size_t left = mail.n - i;

		if (*at == '\r')
			continue;
		if (!decode || i < head || *at != '=' || left < 3) {
			(void)putchar_unlocked(*at);
			continue;
		}
		if (hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0)
			(void)putchar_unlocked(hex_digit(at[1]) * 16 + hex_digit(at[2]));
		i += 2;
	}
}

static int print_mail(const struct preview *p, const struct config_destination *d,
		      const struct alert *alerts, size_t n)
{
	struct buffer mail AUTO_BUFFER = BUFFER_INIT(MESSAGE_MAX);
	char id[MESSAGE_ID_MAX];
	struct message_options o = {.config = p->config,
				    .destination = d,
				    .host = p->host,
				    .fqdn = p->host,
				    .now_usec = clock_now()};
	int r = compose_message(alerts, n, &o, &mail, id);

	if (r < 0)
		return r;
	print_decoded(buffer_slice(&mail));
	(void)fputs("\n", stdout);
	return 0;
}

static int print_batch(const struct preview *p, const struct batch *b)
{
	AUTO_FREE struct alert *alerts = calloc(b->n, sizeof(*alerts));
	int r = 0;

	if (!alerts)
		return -ENOMEM;
	for (size_t i = 0; i < p->config->n_destinations && r == 0; i++) {
		const struct config_destination *d = &p->config->destinations[i];
		size_t n = 0;

		for (size_t k = 0; k < b->n; k++)
			if (d->events & (1U << b->kept[k].alert.kind))
				alerts[n++] = b->kept[k].alert;
		if (n > 0)
			r = print_mail(p, d, alerts, n);
	}
	return r;
}

int preview_add(struct preview *p, const struct alert *a)
{
	struct batch *b = &p->batches[a->kind == ALERT_FORGED ? CLASS_FORGED : CLASS_LOGIN];
	struct buffer block AUTO_BUFFER = BUFFER_INIT(BLOCK_MAX);
	struct alert numbered = *a;
	struct kept *k;
	int r = 0;

	if (b->n == p->config->max_per_mail) {
		r = print_batch(p, b);
		clear(b);
		if (r < 0)
			return r;
	}
	if (b->n == b->size) {
		size_t size = b->size ? 2 * b->size : 16;
		struct kept *fresh = reallocarray(b->kept, size, sizeof(*fresh));

		if (!fresh)
			return -ENOMEM;
		b->kept = fresh;
		b->size = size;
	}
	k = &b->kept[b->n];
	*k = (struct kept){.storage = BUFFER_INIT(BLOCK_MAX)};
	numbered.seq = ++p->seq;
	r = alert_write(&numbered, &block);
	if (r == 0)
		r = alert_read(buffer_slice(&block), &k->storage, &k->alert);
	if (r < 0) {
		buffer_done(&k->storage);
		return r;
	}
	b->n++;
	return 0;
}

int preview_finish(struct preview *p)
{
	int r = 0;

	for (size_t i = 0; i < CLASSES && r == 0; i++) {
		if (p->batches[i].n > 0)
			r = print_batch(p, &p->batches[i]);
		clear(&p->batches[i]);
	}
	return r;
}
