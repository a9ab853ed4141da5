/*
 * The one list of all keys: the section of each, the check of its values, and their conversion to
 * numbers. The test of loginbell.conf(5) uses the same list.
 */
#include "text/config_keys.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/timetext.h"
#include "text/config.h"
#include "text/config_value.h"

static int number_kind(struct slice s, uint64_t *ret, struct error *err)
{
	static const char *const words[] = {
		[CONFIG_SOURCE_AUTO] = "auto",
		[CONFIG_SOURCE_JOURNAL] = "journal",
		[CONFIG_SOURCE_FILE] = "file",
		NULL,
	};
	int r = config_value_choice(s, words, err);

	if (r >= 0)
		*ret = (uint64_t)r;
	return r < 0 ? r : 0;
}

static int number_tls(struct slice s, uint64_t *ret, struct error *err)
{
	static const char *const words[] = {
		[CONFIG_TLS_AUTO] = "auto",
		[CONFIG_TLS_NONE] = "none",
		[CONFIG_TLS_OPPORTUNISTIC] = "opportunistic",
		[CONFIG_TLS_REQUIRED] = "required",
		NULL,
	};
	int r = config_value_choice(s, words, err);

	if (r >= 0)
		*ret = (uint64_t)r;
	return r < 0 ? r : 0;
}

static int number_tls_version(struct slice s, uint64_t *ret, struct error *err)
{
	static const char *const words[] = {
		[CONFIG_TLS_1_0] = "1.0",
		[CONFIG_TLS_1_1] = "1.1",
		[CONFIG_TLS_1_2] = "1.2",
		[CONFIG_TLS_1_3] = "1.3",
		NULL,
	};
	int r = config_value_choice(s, words, err);

	if (r >= 0)
		*ret = (uint64_t)r;
	return r < 0 ? r : 0;
}

/* SASL mechanisms that libcurl knows and for which a password is enough. */
static int check_auth(struct slice s, struct error *err)
{
	static const char *const words[] = {
		"PLAIN",       "LOGIN",		"CRAM-MD5", "DIGEST-MD5",
		"SCRAM-SHA-1", "SCRAM-SHA-256", "NTLM",	    NULL,
	};
	int r = config_value_choice(s, words, err);

	return r < 0 ? r : 0;
}

static int number_heartbeat(struct slice s, uint64_t *ret, struct error *err)
{
	static const char *const words[] = {"off", "no", "false", "0", "daily", NULL};
	int r = config_value_choice(s, words, err);

	if (r >= 0)
		*ret = strcmp(words[r], "daily") == 0;
	return r < 0 ? r : 0;
}

static int number_event(struct slice s, uint64_t *ret, struct error *err)
{
	enum alert_kind kind;
	int r = config_value_check_event(s, &kind, err);

	if (r == 0)
		*ret |= UINT64_C(1) << kind;
	return r;
}

static int number_interval(struct slice s, uint64_t *ret, struct error *err)
{
	return config_value_duration(s, 0, INT64_MAX, ret, err);
}

static int number_timeout(struct slice s, uint64_t *ret, struct error *err)
{
	return config_value_duration(s, USEC_PER_SEC, USEC_PER_DAY, ret, err);
}

static int number_give_up(struct slice s, uint64_t *ret, struct error *err)
{
	return config_value_duration(s, USEC_PER_SEC, UINT64_MAX, ret, err);
}

static int number_per_mail(struct slice s, uint64_t *ret, struct error *err)
{
	return config_value_number(s, 1, 10000, ret, err);
}

#define check_address	 config_value_check_address
#define check_ehlo_name	 config_value_check_ehlo_name
#define check_method	 config_value_check_method
#define check_path	 config_value_check_path
#define check_pinned_key config_value_check_pinned_key
#define check_program	 config_value_check_program
#define check_subject	 config_value_check_subject

/* clang-format off */

/* Section, key, its id, ONE value or a LIST, check of a value, conversion to a number. */
#define KEYS(X) \
	X(SOURCE,    "Source",    "Kind",           KIND,            ONE,  NULL,             number_kind) \
	X(SOURCE,    "Source",    "Directory",      DIRECTORY,       ONE,  check_path,       NULL) \
	X(SOURCE,    "Source",    "LogFile",        LOG_FILE,        ONE,  check_path,       NULL) \
	X(SOURCE,    "Source",    "Programs",       PROGRAMS,        LIST, check_program,    NULL) \
	X(MATCH,     "Match",     "Methods",        METHODS,         LIST, check_method,     NULL) \
	X(MATCH,     "Match",     "Pattern",        PATTERN,         ONE,  NULL,             NULL) \
	X(WHITELIST, "Whitelist", "File",           FILE,            LIST, check_path,       NULL) \
	X(MAIL,      "Mail",      "To",             TO,              LIST, check_address,    NULL) \
	X(MAIL,      "Mail",      "Server",         SERVER,          LIST, NULL,             NULL) \
	X(MAIL,      "Mail",      "From",           FROM,            ONE,  check_address,    NULL) \
	X(MAIL,      "Mail",      "EnvelopeFrom",   ENVELOPE_FROM,   ONE,  check_address,    NULL) \
	X(MAIL,      "Mail",      "Tls",            TLS,             ONE,  NULL,             number_tls) \
	X(MAIL,      "Mail",      "TlsMinimum",     TLS_MINIMUM,     ONE,  NULL,             number_tls_version) \
	X(MAIL,      "Mail",      "CaFile",         CA_FILE,         ONE,  check_path,       NULL) \
	X(MAIL,      "Mail",      "PinnedKey",      PINNED_KEY,      ONE,  check_pinned_key, NULL) \
	X(MAIL,      "Mail",      "ClientCert",     CLIENT_CERT,     ONE,  check_path,       NULL) \
	X(MAIL,      "Mail",      "ClientKey",      CLIENT_KEY,      ONE,  check_path,       NULL) \
	X(MAIL,      "Mail",      "User",           USER,            ONE,  NULL,             NULL) \
	X(MAIL,      "Mail",      "PasswordFile",   PASSWORD_FILE,   ONE,  check_path,       NULL) \
	X(MAIL,      "Mail",      "Auth",           AUTH,            ONE,  check_auth,       NULL) \
	X(MAIL,      "Mail",      "EhloName",       EHLO_NAME,       ONE,  check_ehlo_name,  NULL) \
	X(MAIL,      "Mail",      "Timeout",        TIMEOUT,         ONE,  NULL,             number_timeout) \
	X(MAIL,      "Mail",      "Subject",        SUBJECT,         ONE,  check_subject,    NULL) \
	X(MAIL,      "Mail",      "BodyFile",       BODY_FILE,       ONE,  check_path,       NULL) \
	X(MAIL,      "Mail",      "Events",         EVENTS,          LIST, NULL,             number_event) \
	X(SERVER,    "Server",    "Tls",            TLS,             ONE,  NULL,             number_tls) \
	X(SERVER,    "Server",    "TlsMinimum",     TLS_MINIMUM,     ONE,  NULL,             number_tls_version) \
	X(SERVER,    "Server",    "CaFile",         CA_FILE,         ONE,  check_path,       NULL) \
	X(SERVER,    "Server",    "PinnedKey",      PINNED_KEY,      ONE,  check_pinned_key, NULL) \
	X(SERVER,    "Server",    "ClientCert",     CLIENT_CERT,     ONE,  check_path,       NULL) \
	X(SERVER,    "Server",    "ClientKey",      CLIENT_KEY,      ONE,  check_path,       NULL) \
	X(SERVER,    "Server",    "User",           USER,            ONE,  NULL,             NULL) \
	X(SERVER,    "Server",    "PasswordFile",   PASSWORD_FILE,   ONE,  check_path,       NULL) \
	X(SERVER,    "Server",    "Auth",           AUTH,            ONE,  check_auth,       NULL) \
	X(ALERT,     "Alert",     "Events",         EVENTS,          LIST, NULL,             number_event) \
	X(ALERT,     "Alert",     "Interval",       INTERVAL,        ONE,  NULL,             number_interval) \
	X(ALERT,     "Alert",     "RepeatInterval", REPEAT_INTERVAL, ONE,  NULL,             number_interval) \
	X(ALERT,     "Alert",     "MaxPerMail",     MAX_PER_MAIL,    ONE,  NULL,             number_per_mail) \
	X(ALERT,     "Alert",     "Heartbeat",      HEARTBEAT,       ONE,  NULL,             number_heartbeat) \
	X(ALERT,     "Alert",     "GiveUpAfter",    GIVE_UP_AFTER,   ONE,  NULL,             number_give_up)

#define FULL_NAME(section, section_name, name, ...) section_name "." name,
#define TABLE_ROW(section, section_name, name, id, form, check, number) \
	{CONFIG_SECTION_##section, section_name, name, CONFIG_KEY_##id, form, check, number},

const char *const config_keys[] = {KEYS(FULL_NAME) NULL};

#define ONE  CONFIG_FORM_ONE
#define LIST CONFIG_FORM_LIST

const struct config_key_info config_key_table[] = {KEYS(TABLE_ROW)};
const size_t config_key_table_size = ARRAY_SIZE(config_key_table);

/* clang-format on */
