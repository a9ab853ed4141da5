/*
 * Parses messages of sshd and Dropbear that report a successful login. Nothing is copied: the
 * slices point into the message.
 *
 * Sources: OpenSSH auth.c auth_log() and auth2-pubkey.c format_method_key(), log.c (LogVerbose,
 * strnvis); Dropbear svr-authpasswd.c, svr-authpam.c, svr-authpubkey.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "text/address.h"

enum login_reading {
	LOGIN_NONE = 0,	      /* the message reports no successful login */
	LOGIN_ACCEPTED = 1,   /* it does, and *ret has it */
	LOGIN_UNREADABLE = 2, /* it starts like one, but cannot be parsed */
};

#define LOGIN_FOREIGN_MAX 4
#define LOGIN_CUT_LENGTH  500 /* sshd cuts messages to this many bytes (log.c, MSGBUFSIZ) */

struct login {
	/*
	 * "publickey", "keyboard-interactive/pam", …; for Dropbear, which does not write it, a
	 * literal: "password", "publickey", "none" (blank password).
	 */
	struct slice method;
	struct slice user; /* as written: escaped by vis(3) for OpenSSH; see login_unescape() */
	struct slice addr; /* as written, with a zone; "UNKNOWN" */
	struct address address;	     /* set where addr_known */
	bool addr_known;	     /* false: "UNKNOWN" */
	uint32_t port;		     /* 0 to 65535 */
	struct slice extra;	     /* OpenSSH: everything after "ssh2: "; absent without it */
	struct slice key_type;	     /* "ED25519", "RSA-CERT", "ssh-ed25519" (Dropbear) */
	struct slice fingerprint;    /* "SHA256:…" or MD5 hex */
	struct slice cert_id;	     /* as written, escaped; chosen by the certificate's issuer */
	struct slice cert_serial;    /* digits */
	struct slice ca_fingerprint; /* "SHA256:…" */
	bool vis_escaped;	     /* OpenSSH: fields may hold vis(3) escapes */
	/*
	 * The message has a second part that reads like an address and port, or the real one may
	 * have been cut off after a user name that contains one.
	 */
	bool ambiguous;
	/*
	 * The message is so long that sshd cut it. Fields that are read from its end are absent:
	 * cert_id, cert_serial, ca_fingerprint.
	 */
	bool cut;
	/*
	 * Parts of the message that sshd did not write (certificate ID, INFO, GSSAPI names), in
	 * order. Expressions do not search them.
	 */
	struct slice foreign[LOGIN_FOREIGN_MAX];
	size_t n_foreign;
};

/*
 * A fast test of every record: false if login_parse() would return LOGIN_NONE for sure. Compares
 * the first bytes, and searches for Dropbear's words ("auth succeeded", or "Auth succeeded" with a
 * blank password).
 */
bool login_candidate(struct slice message);

/*
 * Parses a message without its syslog header; any bytes are allowed. @ret is set for
 * LOGIN_ACCEPTED, with p == NULL in absent fields, and zeroed otherwise. Linear time, no
 * allocation.
 *
 * LOGIN_NONE also if Dropbear's words are a quotation of a client that has not authenticated:
 * "Failed …", "Invalid user …", "… [preauth]".
 */
enum login_reading login_parse(struct slice message, struct login *ret);

/*
 * Appends @s, a field of an OpenSSH message, without its vis(3) escapes (VIS_CSTYLE, VIS_OCTAL):
 * "\303\251", "\\", "\n", "\t". Escapes that sshd does not write stay ("\M-…", "\^…", and "\000":
 * names contain no NUL). -ENOMEM, -E2BIG; then the buffer is unchanged.
 */
int login_unescape(struct slice s, struct buffer *ret);

/* Whether @s is "SHA256:" and 32 bytes in base64, as ssh-keygen -l writes a fingerprint. */
bool login_is_sha256(struct slice s);
/* Whether @s is "00:11:…:ff": an MD5 fingerprint, as sshd wrote it before 6.8. */
bool login_is_md5(struct slice s);

/* All authentication methods of OpenSSH and Dropbear; NULL-terminated. */
extern const char *const login_methods[];

/* Whether @name is one of them, or one with a submethod ("keyboard-interactive/…"). */
bool login_method_known(struct slice name);
