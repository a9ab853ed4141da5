/*
 * The forms of values of loginbell.conf(5): addresses, URLs, durations, words. A value is not
 * empty, and valid UTF-8 without control characters other than tabs. Each check returns 0, or
 * -EINVAL with the reason in err->text; the caller adds the place.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

/* For "%.*s" in messages: at most 100 bytes of a value. */
#define CONFIG_VALUE_SHOWN(s) ((s).n > 100 ? 100 : (int)(s).n), (s).p

/*
 * Cuts the first word off *rest, as systemd.syntax(7) splits lists: separated by white space; a
 * whole word may be in '…' or "…", without escapes. 1; 0 if there is none; -EINVAL with err->text
 * for an unclosed quote, a quote in the middle, and a comment after the values.
 */
int config_value_next_word(struct slice *rest, struct slice *ret, struct error *err);

/* An addr-spec in ASCII (RFC 5321, section 4.1.2, Dot-string only), or a local part alone. */
int config_value_check_address(struct slice s, struct error *err);
/* A host name (RFC 1123, and underscores), or an address literal as "[192.0.2.1]". */
int config_value_check_ehlo_name(struct slice s, struct error *err);
int config_value_check_path(struct slice s, struct error *err);
/* As CURLOPT_PINNEDPUBLICKEY(3): a file, or "sha256//BASE64[;sha256//BASE64…]". */
int config_value_check_pinned_key(struct slice s, struct error *err);
int config_value_check_program(struct slice s, struct error *err);
int config_value_check_method(struct slice s, struct error *err);
int config_value_check_subject(struct slice s, struct error *err);

/* The index of @s in @words (NULL-terminated); -EINVAL, and err->text names them all. */
int config_value_choice(struct slice s, const char *const *words, struct error *err);

/* A time span from @min to @max microseconds; "infinity" is UINT64_MAX. */
int config_value_duration(struct slice s, uint64_t min, uint64_t max, uint64_t *ret,
			  struct error *err);
int config_value_number(struct slice s, uint64_t min, uint64_t max, uint64_t *ret,
			struct error *err);

enum config_scheme { CONFIG_SCHEME_SMTP, CONFIG_SCHEME_SMTPS, CONFIG_SCHEME_SENDMAIL };

/*
 * A mail server's URL: "smtp://HOST[:PORT]", "smtps://HOST[:PORT]", "sendmail:/PATH". Appends it to
 * @ret (may be NULL) in one form for all spellings: lower case, addresses as
 * inet_ntop(3) writes them, without the scheme's own port (25, 465). *ret_loopback (may be NULL):
 * the host is "localhost", in 127.0.0.0/8, or ::1. 0; -EINVAL with err->text; -ENOMEM.
 */
int config_value_url(struct slice s, struct buffer *ret, enum config_scheme *ret_scheme,
		     bool *ret_loopback, struct error *err);
