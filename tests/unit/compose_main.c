/*
 * Composes the mail for the alert blocks on standard input (empty lines between them) and prints
 * it, for tests that read it with a parser of somebody else. Options are arguments KEY=VALUE.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/number.h"
#include "text/message/compose.h"

#define ALERTS_MAX 5000
#define INPUT_MAX  (64U << 20)

struct composition {
	struct alert alerts[ALERTS_MAX];
	struct buffer storage[ALERTS_MAX];
	size_t n;
	const char *to[64];
	const char *whitelist;
	struct config config;
	struct config_destination destination;
	struct message_options options;
};

static int read_option(struct composition *c, char *argument)
{
	struct config_destination *destination = &c->destination;
	struct message_options *o = &c->options;
	char *value = strchr(argument, '=');
	struct slice key = {argument, value ? (size_t)(value - argument) : 0};

	if (!value)
		return -1;
	value++;
	if (slice_eq_str(key, "from"))
		destination->from = value;
	else if (slice_eq_str(key, "to") && destination->to.n < ARRAY_SIZE(c->to))
		c->to[destination->to.n++] = value;
	else if (slice_eq_str(key, "host"))
		o->host = value;
	else if (slice_eq_str(key, "fqdn"))
		o->fqdn = value;
	else if (slice_eq_str(key, "subject"))
		destination->subject = value;
	else if (slice_eq_str(key, "body"))
		o->body_template = slice_of(value);
	else if (slice_eq_str(key, "whitelist")) {
		c->whitelist = value;
		c->config.whitelist_files = (struct config_list){&c->whitelist, 1};
	} else if (slice_eq_str(key, "note"))
		o->note = value;
	else if (slice_eq_str(key, "style"))
		o->style = strcmp(value, "no-logs") == 0 ? MESSAGE_NO_LOGS : MESSAGE_FULL;
	else if (slice_eq_str(key, "test"))
		o->test = true;
	else if (!slice_eq_str(key, "now") ||
		 number_parse_u64(slice_of(value), UINT64_MAX, &o->now_usec) < 0)
		return -1;
	return 0;
}

static int read_blocks(struct composition *c, struct slice input)
{
	while (input.n > 0) {
		const char *end = memmem(input.p, input.n, "\n\n", 2);
		struct slice block = {input.p, end ? (size_t)(end - input.p) + 1 : input.n};
		struct buffer *storage;

		if (c->n == ALERTS_MAX)
			return -1;
		storage = &c->storage[c->n];
		*storage = (struct buffer)BUFFER_INIT(INPUT_MAX);
		if (alert_read(block, storage, &c->alerts[c->n]) < 0) {
			(void)fprintf(stderr, "block %zu is wrong\n", c->n + 1);
			return -1;
		}
		c->n++;
		input = slice_from(input, end ? block.n + 1 : block.n);
	}
	return 0;
}

static int compose(struct composition *c)
{
	AUTO_BUFFER struct buffer mail = BUFFER_INIT(MESSAGE_MAX);
	char id[MESSAGE_ID_MAX];
	int r = compose_message(c->alerts, c->n, &c->options, &mail, id);

	if (r < 0) {
		(void)fprintf(stderr, "compose_message: %s\n", strerror(-r));
		return -1;
	}
	return io_write_all(STDOUT_FILENO, mail.data, mail.len);
}

int main(int argc, char **argv)
{
	AUTO_BUFFER struct buffer input = BUFFER_INIT(INPUT_MAX);
	struct composition *c = calloc(1, sizeof(*c));
	char from[] = "loginbell@web1.example.org";
	int r = c ? 0 : -1;

	if (c) {
		c->destination.from = from;
		c->destination.to.items = c->to;
		c->options.config = &c->config;
		c->options.destination = &c->destination;
		c->options.host = "web1";
		c->options.fqdn = "web1.example.org";
	}
	for (int i = 1; r == 0 && i < argc; i++)
		r = read_option(c, argv[i]);
	if (r == 0)
		r = io_read_all(STDIN_FILENO, &input);
	if (r == 0)
		r = read_blocks(c, buffer_slice(&input));
	if (r == 0)
		r = compose(c);
	for (size_t i = 0; c && i < c->n; i++)
		buffer_done(&c->storage[i]);
	free(c);
	return r == 0 ? 0 : 1;
}
