/*
 * What a message of sshd or Dropbear says of a successful login. Nothing is copied: the slices
 * point into the message.
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
	LOGIN_ACCEPTED = 1,   /* it does, and *ret says which */
	LOGIN_UNREADABLE = 2, /* it claims one, and cannot be read: alerts with unknown fields */
};

#define LOGIN_FOREIGN_MAX 4
#define LOGIN_CUT_LENGTH  500 /* sshd cuts messages to this many bytes (log.c, MSGBUFSIZ) */

struct login {
	/*
	 * "publickey", "keyboard-interactive/pam", …; for Dropbear, which has no word for it, a
	 * literal: "password", "publickey", "none" (blank password).
	 */
	struct slice method;
	struct slice user; /* as written: escaped by vis(3) for OpenSSH; see login_unescape() */
	struct slice addr; /* as written, with a zone; "UNKNOWN" */
	struct address address;	  /* set where addr_known */
	bool addr_known;	  /* false: "UNKNOWN" */
	uint32_t port;		  /* 0 to 65535 */
	struct slice extra;	  /* OpenSSH: all behind "ssh2: "; absent without it */
	struct slice key_type;	  /* "ED25519", "RSA-CERT", "ssh-ed25519" (Dropbear) */
	struct slice fingerprint; /* "SHA256:…" or MD5 hex */
	struct slice cert_id;	  /* as written, escaped; whoever made the certificate chose it */
	struct slice cert_serial; /* digits */
	struct slice ca_fingerprint; /* "SHA256:…" */
	bool vis_escaped;	     /* OpenSSH: fields may hold vis(3) escapes */
	/*
	 * An address, and what follows it, could be read at another place too, or would stand
	 * behind the place where the message was cut, if the user name were longer.
	 */
	bool ambiguous;
	/*
	 * The message is so long that sshd cut it: its end is not known. What is read from there is
	 * absent: cert_id, cert_serial, ca_fingerprint.
	 */
	bool cut;
	/*
	 * Parts of the message that somebody else than sshd wrote (certificate ID, INFO, GSSAPI
	 * names), in order; an expression does not search them.
	 */
	struct slice foreign[LOGIN_FOREIGN_MAX];
	size_t n_foreign;
};

/*
 * Whether a message may be one that login_parse() reads as other than LOGIN_NONE: what every
 * record is asked first. Looks at its first bytes, and for Dropbear's words ("auth succeeded", or
 * "Auth succeeded" with a blank password) anywhere. Never false for one that login_parse() takes.
 */
bool login_candidate(struct slice message);

/*
 * Reads a message without its syslog header. @ret is set for LOGIN_ACCEPTED (absent fields have
 * p == NULL), and zeroed otherwise. Linear time, no allocation; any bytes may be passed.
 *
 * No login is also what holds Dropbear's words where sshd or Dropbear quotes a client that has not
 * authenticated: "Failed …", "Invalid user …", "… [preauth]".
 */
enum login_reading login_parse(struct slice message, struct login *ret);

/*
 * Appends @s, a field of an OpenSSH message, with its vis(3) escapes (VIS_CSTYLE, VIS_OCTAL)
 * undone: "\303\251", "\\", "\n", "\t". What is no escape that sshd writes stays as it is ("\M-…",
 * "\^…", and "\000": names hold no NUL). On -ENOMEM and -E2BIG the buffer is as it was.
 */
int login_unescape(struct slice s, struct buffer *ret);

/* All authentication methods that OpenSSH and Dropbear name; NULL-terminated. */
extern const char *const login_methods[];

/* Whether @name is one of them, or one with a submethod ("keyboard-interactive/…"). */
bool login_method_known(struct slice name);
