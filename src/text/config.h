/*
 * The settings of loginbell.conf(5). config_parser makes them from text, store/config_file reads
 * the files.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "text/alert.h"

enum config_source_kind { CONFIG_SOURCE_AUTO, CONFIG_SOURCE_JOURNAL, CONFIG_SOURCE_FILE };
enum config_tls { CONFIG_TLS_AUTO, CONFIG_TLS_NONE, CONFIG_TLS_OPPORTUNISTIC, CONFIG_TLS_REQUIRED };
enum config_tls_version { CONFIG_TLS_1_0, CONFIG_TLS_1_1, CONFIG_TLS_1_2, CONFIG_TLS_1_3 };

/* A list of texts, NULL-terminated where n > 0. */
struct config_list {
	const char **items;
	size_t n;
};

/* A mail server: one value of Server=, with its TLS and AUTH settings. */
struct config_server {
	/*
	 * "smtp://HOST[:PORT]", "smtps://HOST[:PORT]", "sendmail:/PATH", as config_value_url()
	 * normalizes them.
	 */
	const char *url;
	enum config_tls tls; /* never CONFIG_TLS_AUTO */
	enum config_tls_version tls_minimum;
	const char *ca_file, *pinned_key, *client_cert, *client_key;
	const char *user, *password_file, *auth;
};

struct config_destination {
	const char *name; /* "" for [Mail] itself */
	struct config_list to;
	struct config_server *servers;
	size_t n_servers;
	const char *from, *envelope_from; /* NULL: see compose_from() */
	const char *ehlo_name;		  /* NULL: host name */
	uint64_t timeout_usec;
	const char *subject;   /* template; NULL: built in */
	const char *body_file; /* path; NULL: built in */
	unsigned events;       /* 1 << enum alert_kind */
};

struct config {
	struct config_parser *parser; /* owns all texts below but the defaults */
	enum config_source_kind source_kind;
	const char *directory;
	const char *log_file;
	struct config_list programs; /* default: sshd sshd-session dropbear */
	struct config_list methods;  /* empty: all */
	const char *pattern;	     /* NULL: none */
	const char *pattern_file;    /* its place, for messages */
	unsigned pattern_line;
	struct config_list whitelist_files;
	bool whitelist_is_default;		 /* then the files need not exist */
	struct config_destination *destinations; /* at least one */
	size_t n_destinations;
	unsigned events; /* 1 << enum alert_kind */
	uint64_t interval_usec, repeat_interval_usec, give_up_after_usec;
	uint64_t max_per_mail;
	bool heartbeat; /* daily */
};

/* Called for each fault of a configuration. */
typedef void (*config_fault)(const struct error *fault, void *userdata);
