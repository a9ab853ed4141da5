/* This host's names. */
#pragma once

#define HOSTNAME_SIZE 256 /* RFC 1035, section 2.3.4, and a NUL */

struct hostname {
	char host[HOSTNAME_SIZE]; /* without a domain, mostly; "localhost" if it has no valid one */
	char fqdn[HOSTNAME_SIZE]; /* with its domain; "": not looked up yet */
};

/* Asks gethostname(2). */
void hostname_init(struct hostname *h);

/*
 * The name with its domain, if the resolver answers within 3 s, else the name alone. It is looked
 * up once, and only if the name contains no dot. The result lives as long as @h.
 */
const char *hostname_fqdn(struct hostname *h);
