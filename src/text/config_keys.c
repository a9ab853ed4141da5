/*
 * The one list of all keys: the sections of each, the check of its values, and their conversion to
 * numbers. The test of loginbell.conf(5) uses the same list.
 */
#include "text/config_keys.h"

#include "base/timetext.h"
#include "text/config.h"
#include "text/config_value.h"

static const char *const kinds[] = {
	[CONFIG_SOURCE_AUTO] = "auto",
	[CONFIG_SOURCE_JOURNAL] = "journal",
	[CONFIG_SOURCE_FILE] = "file",
	NULL,
};

static const char *const tls[] = {
	[CONFIG_TLS_AUTO] = "auto",
	[CONFIG_TLS_NONE] = "none",
	[CONFIG_TLS_OPPORTUNISTIC] = "opportunistic",
	[CONFIG_TLS_REQUIRED] = "required",
	NULL,
};

static const char *const tls_versions[] = {
	[CONFIG_TLS_1_0] = "1.0",
	[CONFIG_TLS_1_1] = "1.1",
	[CONFIG_TLS_1_2] = "1.2",
	[CONFIG_TLS_1_3] = "1.3",
	NULL,
};

/* SASL mechanisms that libcurl knows and for which a password is enough. */
static const char *const mechanisms[] = {
	"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "NTLM", NULL,
};

static const char *const heartbeats[] = {"off", "no", "false", "0", "daily", NULL};

static int interval(struct slice s, uint64_t *ret, struct error *err)
{
	return config_value_duration(s, 0, INT64_MAX, ret, err);
}

static int timeout(struct slice s, uint64_t *ret, struct error *err)
{
	return config_value_duration(s, USEC_PER_SEC, USEC_PER_DAY, ret, err);
}

static int give_up(struct slice s, uint64_t *ret, struct error *err)
{
	return config_value_duration(s, USEC_PER_SEC, UINT64_MAX, ret, err);
}

static int per_mail(struct slice s, uint64_t *ret, struct error *err)
{
	return config_value_number(s, 1, 10000, ret, err);
}

const char *const config_section_names[CONFIG_SECTION_KINDS] = {
	[CONFIG_SECTION_SOURCE] = "Source",	  [CONFIG_SECTION_MATCH] = "Match",
	[CONFIG_SECTION_WHITELIST] = "Whitelist", [CONFIG_SECTION_MAIL] = "Mail",
	[CONFIG_SECTION_SERVER] = "Server",	  [CONFIG_SECTION_ALERT] = "Alert",
};

#define SOURCE	  (1U << CONFIG_SECTION_SOURCE)
#define MATCH	  (1U << CONFIG_SECTION_MATCH)
#define WHITELIST (1U << CONFIG_SECTION_WHITELIST)
#define MAIL	  (1U << CONFIG_SECTION_MAIL)
#define SERVER	  (1U << CONFIG_SECTION_SERVER)
#define ALERT	  (1U << CONFIG_SECTION_ALERT)
#define ONE	  CONFIG_FORM_ONE
#define LIST	  CONFIG_FORM_LIST
#define WORDS(w)  .words = (w)
#define CHECK(c)  .check = config_value_check_##c
#define NUMBER(n) .number = (n)

/* clang-format off */
const struct config_key_info config_key_table[CONFIG_KEY_COUNT] = {
	[CONFIG_KEY_KIND] =            {"Kind",           SOURCE,        ONE,  WORDS(kinds)},
	[CONFIG_KEY_DIRECTORY] =       {"Directory",      SOURCE,        ONE,  CHECK(path)},
	[CONFIG_KEY_LOG_FILE] =        {"LogFile",        SOURCE,        ONE,  CHECK(path)},
	[CONFIG_KEY_PROGRAMS] =        {"Programs",       SOURCE,        LIST, CHECK(program)},
	[CONFIG_KEY_METHODS] =         {"Methods",        MATCH,         LIST, CHECK(method)},
	[CONFIG_KEY_PATTERN] =         {"Pattern",        MATCH,         ONE,  .check = NULL},
	[CONFIG_KEY_FILE] =            {"File",           WHITELIST,     LIST, CHECK(path)},
	[CONFIG_KEY_TO] =              {"To",             MAIL,          LIST, CHECK(address)},
	[CONFIG_KEY_SERVER] =          {"Server",         MAIL,          LIST, .check = NULL},
	[CONFIG_KEY_FROM] =            {"From",           MAIL,          ONE,  CHECK(address)},
	[CONFIG_KEY_ENVELOPE_FROM] =   {"EnvelopeFrom",   MAIL,          ONE,  CHECK(address)},
	[CONFIG_KEY_TLS] =             {"Tls",            MAIL | SERVER, ONE,  WORDS(tls)},
	[CONFIG_KEY_TLS_MINIMUM] =     {"TlsMinimum",     MAIL | SERVER, ONE,  WORDS(tls_versions)},
	[CONFIG_KEY_CA_FILE] =         {"CaFile",         MAIL | SERVER, ONE,  CHECK(path)},
	[CONFIG_KEY_PINNED_KEY] =      {"PinnedKey",      MAIL | SERVER, ONE,  CHECK(pinned_key)},
	[CONFIG_KEY_CLIENT_CERT] =     {"ClientCert",     MAIL | SERVER, ONE,  CHECK(path)},
	[CONFIG_KEY_CLIENT_KEY] =      {"ClientKey",      MAIL | SERVER, ONE,  CHECK(path)},
	[CONFIG_KEY_USER] =            {"User",           MAIL | SERVER, ONE,  .check = NULL},
	[CONFIG_KEY_PASSWORD_FILE] =   {"PasswordFile",   MAIL | SERVER, ONE,  CHECK(path)},
	[CONFIG_KEY_AUTH] =            {"Auth",           MAIL | SERVER, ONE,  WORDS(mechanisms)},
	[CONFIG_KEY_EHLO_NAME] =       {"EhloName",       MAIL,          ONE,  CHECK(ehlo_name)},
	[CONFIG_KEY_TIMEOUT] =         {"Timeout",        MAIL,          ONE,  NUMBER(timeout)},
	[CONFIG_KEY_SUBJECT] =         {"Subject",        MAIL,          ONE,  CHECK(subject)},
	[CONFIG_KEY_BODY_FILE] =       {"BodyFile",       MAIL,          ONE,  CHECK(path)},
	[CONFIG_KEY_EVENTS] =          {"Events",         MAIL | ALERT,  LIST, WORDS(alert_kind_names)},
	[CONFIG_KEY_INTERVAL] =        {"Interval",       ALERT,         ONE,  NUMBER(interval)},
	[CONFIG_KEY_REPEAT_INTERVAL] = {"RepeatInterval", ALERT,         ONE,  NUMBER(interval)},
	[CONFIG_KEY_MAX_PER_MAIL] =    {"MaxPerMail",     ALERT,         ONE,  NUMBER(per_mail)},
	[CONFIG_KEY_HEARTBEAT] =       {"Heartbeat",      ALERT,         ONE,  WORDS(heartbeats)},
	[CONFIG_KEY_GIVE_UP_AFTER] =   {"GiveUpAfter",    ALERT,         ONE,  NUMBER(give_up)},
};
/* clang-format on */
