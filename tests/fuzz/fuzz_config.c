/*
 * loginbell.conf(5): any bytes. The first NUL divides them into two files.
 */
#include <stdlib.h>

#include "text/config_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(const struct error *fault, void *userdata)
{
	size_t *n = userdata;

	if (!memchr(fault->text, '\0', sizeof(fault->text)) || fault->text[0] == '\0')
		abort();
	(*n)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice first = {(const char *)data, size}, second = {"", 0};
	const char *divider = size > 0 ? memchr(data, '\0', size) : NULL;
	AUTO_CONFIG struct config *c = NULL;
	struct error err;
	size_t faults = 0;
	struct config_parser *p = config_parser_new(count, &faults);
	int r;

	if (!p)
		return 0;
	if (divider) {
		first.n = (size_t)(divider - first.p);
		second = (struct slice){divider + 1, size - first.n - 1};
	}
	(void)config_parser_add(p, first, "first");
	(void)config_parser_add(p, second, "second");
	r = config_parser_finish(&p, &c, &err);
	if ((r == 0) != (faults == 0) || (r == 0) != (c != NULL))
		abort();
	/* What the sender relies on. */
	for (size_t i = 0; c && i < c->n_destinations; i++) {
		const struct config_destination *d = &c->destinations[i];

		if (d->to.n == 0 || d->n_servers == 0 || !d->name)
			abort();
		for (size_t k = 0; k < d->to.n; k++)
			if (strpbrk(d->to.items[k], "<> \t\r\n") || d->to.items[k][0] == '-')
				abort();
		for (size_t k = 0; k < d->n_servers; k++) {
			const struct config_server *s = &d->servers[k];

			if (s->tls == CONFIG_TLS_AUTO || (s->user && s->tls != CONFIG_TLS_REQUIRED))
				abort();
		}
	}
	(void)config_parser_free(p);
	return 0;
}
