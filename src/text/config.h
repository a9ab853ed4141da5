/*
 * loginbell.conf(5): systemd.syntax(7) in text, a struct of settings out. Reading the files is
 * store/config_file's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "text/alert.h"

enum config_source_kind { CONFIG_SOURCE_AUTO, CONFIG_SOURCE_JOURNAL, CONFIG_SOURCE_FILE };
enum config_tls { CONFIG_TLS_AUTO, CONFIG_TLS_NONE, CONFIG_TLS_OPPORTUNISTIC, CONFIG_TLS_REQUIRED };
enum config_tls_version { CONFIG_TLS_1_0, CONFIG_TLS_1_1, CONFIG_TLS_1_2, CONFIG_TLS_1_3 };

/* A list of texts, NULL-terminated where n > 0. */
struct config_list {
	char **items;
	size_t n;
};

/* Where a mail goes out: one value of Server=, with its TLS and AUTH settings resolved. */
struct config_server {
	/*
	 * "smtp://HOST[:PORT]", "smtps://HOST[:PORT]", "sendmail:/PATH": scheme and host in lower
	 * case, IPv6 in brackets, the scheme's own port (25, 465) left out.
	 */
	char *url;
	enum config_tls tls; /* never AUTO once resolved */
	enum config_tls_version tls_minimum;
	char *ca_file, *pinned_key, *client_cert, *client_key;
	char *user, *password_file, *auth;
};

struct config_destination {
	char *name; /* "" for [Mail] itself */
	struct config_list to;
	struct config_server *servers;
	size_t n_servers;
	char *from, *envelope_from; /* NULL From: loginbell@FQDN, by the caller */
	char *ehlo_name;	    /* NULL: host name */
	uint64_t timeout_usec;
	char *subject;	 /* template; NULL: built in */
	char *body_file; /* path; NULL: built in */
	unsigned events; /* 1 << enum alert_kind */
};

struct config {
	enum config_source_kind source_kind;
	char *directory;
	char *log_file;
	struct config_list programs; /* default: sshd sshd-session dropbear */
	struct config_list methods;  /* empty: all */
	char *pattern;		     /* NULL: none */
	char *pattern_file;	     /* where it stands, for messages */
	unsigned pattern_line;
	struct config_list whitelist_files;
	bool whitelist_is_default;		 /* then none of them need exist */
	struct config_destination *destinations; /* at least one */
	size_t n_destinations;
	unsigned events; /* 1 << enum alert_kind */
	uint64_t interval_usec, repeat_interval_usec, give_up_after_usec;
	uint64_t max_per_mail;
	bool heartbeat; /* daily */
};

enum config_e {
	CONFIG_E_INVALID = 1, /* *err names file, line and reason */
};

struct config_parser;

/*
 * A parser takes the files one after another, then gives the configuration: later files add to
 * and override earlier ones. NULL when out of memory; config_parser_free() takes NULL.
 */
struct config_parser *config_parser_new(void);
struct config_parser *config_parser_free(struct config_parser *p);

/*
 * Called for every fault, so that `check` can tell all of them in one go. @userdata is that of
 * config_parser_add().
 */
typedef void (*config_fault)(const struct error *fault, void *userdata);

#define CONFIG_TEXT_MAX (1U << 20) /* bytes of one file */

/*
 * Reads one file's text; @name is copied. 0; CONFIG_E_INVALID after faults, each given to @fault
 * (may be NULL), the first also in *err; -ENOMEM.
 */
int config_parser_add(struct config_parser *p, struct slice text, const char *name,
		      config_fault fault, void *userdata, struct error *err);

/*
 * Resolves defaults and what [Mail "NAME"] takes from [Mail], and checks what only the whole can
 * show (a [Server "URL"] that nobody names, credentials without required TLS). *ret is owned by
 * the caller. As config_parser_add(); after faults there, it gives the first of those again in
 * *err, and no more to @fault.
 */
int config_parser_finish(struct config_parser *p, struct config **ret, config_fault fault,
			 void *userdata, struct error *err);

struct config *config_free(struct config *c);

#define AUTO_CONFIG CLEANUP(config_auto_free)
static inline void config_auto_free(struct config **c)
{
	(void)config_free(*c);
}

/* All sections and keys that are known, as "Section.Key"; NULL-terminated. For the man page's test.
 */
extern const char *const config_keys[];
