/*
 * Three parts of a message are written by others than the server: the user name, the certificate ID
 * and the INFO after a key (hostbased: the client's own words). Each is bounded from the side on
 * which only the server writes: the user name by the first complete origin (address and port), the
 * certificate ID by the last "(serial N) CA". A second origin makes the login ambiguous. If the
 * message was cut, nothing is read from its right end. Dropbear writes the origin last, so its
 * messages are read from the right.
 *
 * Every search resumes where the last one stopped, and every attempt at an origin is bounded, so
 * the time is linear.
 */
#include "text/login.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/number.h"

#define ADDR_MAX   200 /* auth_log(): "from %.200s" */
#define USER_MAX   100 /* auth_log(): "%.100s", before vis(3) */
#define ORIGIN_MAX 84  /* " from " + address with zone (63) + " port " + 65535 + " ssh" */
#define TAG_MAX	   127 /* log.c, sshlogv(): char tag[128] */
#define TAG_NAME   48  /* the same: "%.48s:%.48s()" */

const char *const login_methods[] = {
	"publickey",
	"password",
	"none",
	"keyboard-interactive",
	"hostbased",
	"gssapi-with-mic",
	"gssapi-keyex",
	"rsa",
	"rhosts-rsa",
	"challenge-response",
	"keyboard-interactive/pam",
	"keyboard-interactive/bsdauth",
	"keyboard-interactive/skey",
	NULL,
};

/* Address and port of the client, as either server writes them. */
struct origin {
	size_t begin, end; /* in the message: the blank before "from", the end of the port */
	struct slice addr;
	struct address address;
	bool known;
	uint32_t port;
};

static bool is_graph(char c)
{
	return c > ' ' && c < 0x7f;
}

static bool is_base64(char c)
{
	return ascii_is_alnum(c) || c == '+' || c == '/';
}

/* Of a key type ("sk-ssh-ed25519@openssh.com"), a file or a function in sshd's source. */
static bool is_name(char c)
{
	return ascii_is_alnum(c) || c == '_' || c == '-' || c == '.' || c == '@';
}

static struct slice head(struct slice s, size_t n)
{
	return (struct slice){s.p, n};
}

/* The bytes before the first of @stops; all of @s without one. */
static struct slice token(struct slice s, const char *stops)
{
	for (; *stops && s.n > 0; stops++) {
		const char *p = memchr(s.p, *stops, s.n);

		if (p)
			s.n = (size_t)(p - s.p);
	}
	return s;
}

/* Cuts the last word off @s, with the blank before it; all of @s without one. */
static struct slice cut_last_word(struct slice *s)
{
	struct slice word;
	size_t n = s->n;

	while (n > 0 && s->p[n - 1] != ' ')
		n--;
	word = slice_from(*s, n);
	s->n = n > 0 ? n - 1 : 0;
	return word;
}

static bool all(struct slice s, bool (*is)(char))
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is(s.p[i]))
			return false;
	}
	return s.n > 0;
}

/* The offset of @words in @s at or after @from; SIZE_MAX if there is none. */
static size_t find(struct slice s, size_t from, const char *words)
{
	size_t n = strlen(words);

	/* memmem(3) builds a table first, which is slower than searching one message. */
	for (size_t at = from; at < s.n && s.n - at >= n; at++) {
		const char *p = memchr(s.p + at, words[0], s.n - at - n + 1);

		if (!p)
			break;
		at = (size_t)(p - s.p);
		if (p[1] == words[1] && memcmp(p, words, n) == 0)
			return at;
	}
	return SIZE_MAX;
}

/* A file's or a function's name in a tag of LogVerbose=. */
static bool skip_name(struct slice *s)
{
	size_t n = 0;

	while (n < s->n && n < TAG_NAME && is_name(s->p[n]))
		n++;
	*s = slice_from(*s, n);
	return n > 0;
}

/*
 * The length of the prefix that LogVerbose= writes, with its ": "; 0 without it:
 * "auth.c:auth_log():292: " (8.5), "… (pid=1): " (8.7), "… (bin=/usr/sbin/sshd, pid=1): " (10).
 */
static size_t verbose_prefix(struct slice m)
{
	struct slice s = m;

	if (!skip_name(&s) || !slice_skip(&s, ":") || !skip_name(&s) || !slice_skip(&s, "():") ||
	    slice_digits(s).n == 0)
		return 0;
	s = slice_from(s, slice_digits(s).n);
	if (slice_skip(&s, " (pid=")) {
		s = slice_from(s, slice_digits(s).n);
		return slice_skip(&s, "): ") ? (size_t)(s.p - m.p) : 0;
	}
	if (slice_skip(&s, " (bin=")) {
		for (size_t at = (size_t)(s.p - m.p); at <= TAG_MAX && at < m.n; at++) {
			struct slice end = slice_from(m, at);

			if (slice_skip(&end, ", pid=")) {
				end = slice_from(end, slice_digits(end).n);
				if (slice_skip(&end, "): "))
					return (size_t)(end.p - m.p);
			}
			/* A long path: sshd cuts the tag. */
			if (at == TAG_MAX && slice_skip(&end, ": "))
				return (size_t)(end.p - m.p);
		}
		return 0;
	}
	return slice_skip(&s, ": ") ? (size_t)(s.p - m.p) : 0;
}

bool login_candidate(struct slice message)
{
	size_t prefix;

	if (message.n == 0)
		return false;
	if (slice_starts_with(message, "Accepted "))
		return true;
	prefix = verbose_prefix(message);
	if (prefix > 0 && slice_starts_with(slice_from(message, prefix), "Accepted "))
		return true;
	return find(message, 0, "uth succeeded") != SIZE_MAX;
}

bool login_is_sha256(struct slice s)
{
	return slice_skip(&s, "SHA256:") && s.n == 43 && all(s, is_base64);
}

bool login_is_md5(struct slice s)
{
	if (s.n != 47)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (i % 3 == 2 ? s.p[i] != ':' : ascii_hex(s.p[i]) < 0)
			return false;
	return true;
}

static bool is_fingerprint(struct slice s)
{
	/* Lengths of base64 without padding. */
	static const struct {
		const char *name;
		size_t length;
	} hashes[] = {{"SHA1:", 27}, {"SHA384:", 64}, {"SHA512:", 86}};

	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
		if (!slice_skip(&s, hashes[i].name))
			continue;
		return s.n == hashes[i].length && all(s, is_base64);
	}
	if (login_is_sha256(s))
		return true;
	(void)slice_skip(&s, "MD5:");
	return login_is_md5(s);
}

/* False if @addr is not an address. */
static bool read_addr(struct slice addr, struct origin *ret)
{
	ret->addr = addr;
	ret->known = false;
	memset(&ret->address, 0, sizeof(ret->address));
	if (slice_eq_str(addr, "UNKNOWN"))
		return true;
	ret->known = address_parse(addr, &ret->address) == 0;
	return ret->known;
}

static bool read_port(struct slice s, uint32_t *ret)
{
	uint64_t port;

	if (s.n > 5 || number_parse_u64(s, 65535, &port) != 0)
		return false;
	*ret = (uint32_t)port;
	return true;
}

/* Reads " from ADDR port N" at @at, and asks for one of the words that can follow it. */
static bool openssh_origin(struct slice m, size_t at, struct origin *ret)
{
	struct slice s = slice_from(m, at);
	struct slice addr;
	size_t n;

	if (!slice_skip(&s, " from "))
		return false;
	addr = token(head(s, s.n < ADDR_MAX + 1 ? s.n : ADDR_MAX + 1), " ");
	s = slice_from(s, addr.n);
	if (!slice_skip(&s, " port "))
		return false;
	n = slice_digits(head(s, s.n < 6 ? s.n : 6)).n;
	if (!read_port(head(s, n), &ret->port) || !read_addr(addr, ret))
		return false;
	s = slice_from(s, n);
	ret->begin = at;
	ret->end = (size_t)(s.p - m.p);
	/* "ruser": SSH1 rhosts-rsa before 6.3. */
	return s.n == 0 || slice_starts_with(s, " ssh2") || slice_starts_with(s, " ssh1") ||
	       slice_starts_with(s, ": ") || slice_starts_with(s, " ruser ");
}

/* Reads " from ADDR:PORT" at @at. */
static bool dropbear_origin(struct slice m, size_t at, struct origin *ret)
{
	struct slice s = slice_from(m, at);
	struct slice word, addr;
	size_t colon;

	if (!slice_skip(&s, " from "))
		return false;
	word = token(head(s, s.n < ADDR_MAX + 1 ? s.n : ADDR_MAX + 1), " ,'");
	for (colon = word.n; colon > 0 && word.p[colon - 1] != ':'; colon--)
		;
	if (colon == 0)
		return false;
	addr = head(word, colon - 1);
	if (addr.n >= 2 && addr.p[0] == '[' && addr.p[addr.n - 1] == ']')
		addr = slice_from(head(addr, addr.n - 1), 1);
	if (!read_port(slice_from(word, colon), &ret->port) || !read_addr(addr, ret) || !ret->known)
		return false;
	ret->begin = at;
	ret->end = (size_t)(word.p + word.n - m.p);
	return true;
}

typedef bool origin_reader(struct slice m, size_t at, struct origin *ret);

/*
 * The first origin that begins at or after @from, and whether the message has another one anywhere.
 * False if there is none.
 */
static bool find_origin(struct slice m, size_t from, origin_reader *read, struct origin *ret,
			bool *ret_other)
{
	struct origin origin;
	bool found = false;

	*ret_other = false;
	for (size_t at = 0; (at = find(m, at, " from ")) != SIZE_MAX; at++) {
		if (!read(m, at, &origin))
			continue;
		if (found || at < from) {
			*ret_other = true;
		} else {
			*ret = origin;
			found = true;
		}
		if (found && *ret_other)
			break;
	}
	return found;
}

/*
 * Whether sshd may have cut off the real origin, after a user name that looks like one. @s begins
 * with the user name. An escape counts as one byte, since sshd limits the name before escaping.
 */
static bool origin_may_be_cut_off(struct slice s)
{
	size_t bytes = 0;

	for (size_t i = 0; i < s.n; bytes++) {
		if (s.p[i] != '\\')
			i++;
		else
			i += i + 1 < s.n && ascii_is_digit(s.p[i + 1]) ? 4 : 2;
	}
	return bytes <= USER_MAX + ORIGIN_MAX;
}

static void add_foreign(struct login *l, struct slice s)
{
	if (s.n > 0 && l->n_foreign < LOGIN_FOREIGN_MAX)
		l->foreign[l->n_foreign++] = s;
}

/* The rest after a fingerprint: nothing, or INFO. */
static void read_info(struct login *l, struct slice s)
{
	(void)slice_skip(&s, ", ");
	add_foreign(l, s);
}

/* "CERT-ID (serial N) CA CATYPE CAFINGERPRINT[, INFO]", from the right. */
static void read_certificate(struct login *l, struct slice s)
{
	struct slice id = {0}, serial = {0}, rest = {0}, fingerprint;
	size_t marks = 0;

	for (size_t at = 0; (at = find(s, at, " (serial ")) != SIZE_MAX; at++) {
		struct slice behind = slice_from(s, at + strlen(" (serial "));
		struct slice number = slice_digits(behind);

		behind = slice_from(behind, number.n);
		if (number.n == 0 || !slice_skip(&behind, ") CA "))
			continue;
		marks++;
		id = head(s, at);
		serial = number;
		rest = behind;
	}
	/*
	 * Of a cut message the right end is not known. In hostbased INFO the client speaks, and
	 * may write a mark of its own.
	 */
	if (marks == 0 || l->cut || (marks > 1 && slice_eq_str(l->method, "hostbased"))) {
		add_foreign(l, s);
		return;
	}
	rest = slice_from(rest, token(rest, " ").n);
	if (!slice_skip(&rest, " ")) {
		add_foreign(l, s);
		return;
	}
	fingerprint = token(rest, " ,");
	l->cert_id = id;
	l->cert_serial = serial;
	if (is_fingerprint(fingerprint))
		l->ca_fingerprint = fingerprint;
	add_foreign(l, id);
	read_info(l, slice_from(rest, fingerprint.n));
}

/* "TYPE FINGERPRINT[, INFO]" or "TYPE-CERT [FINGERPRINT ]ID …" (format_method_key()). */
static void read_key(struct login *l, struct slice s)
{
	struct slice type = token(s, " "), rest = slice_from(s, type.n), fingerprint;
	bool certificate = find(type, 0, "-CERT") != SIZE_MAX;

	if (!all(type, is_name) || !slice_skip(&rest, " ")) {
		add_foreign(l, s);
		return;
	}
	l->key_type = type;
	if (certificate && slice_skip(&rest, "ID ")) { /* before 7.9 */
		read_certificate(l, rest);
		return;
	}
	fingerprint = token(rest, " ,");
	if (is_fingerprint(fingerprint))
		l->fingerprint = fingerprint;
	else if (!slice_eq_str(fingerprint, "(null)")) {
		add_foreign(l, rest);
		return;
	}
	rest = slice_from(rest, fingerprint.n);
	if (certificate && slice_skip(&rest, " ID "))
		read_certificate(l, rest);
	else
		read_info(l, rest);
}

static void read_extra(struct login *l, struct slice s)
{
	bool key = slice_eq_str(l->method, "publickey") || slice_eq_str(l->method, "hostbased") ||
		   slice_eq_str(l->method, "rsa");

	if (!slice_skip(&s, " ssh2"))
		(void)slice_skip(&s, " ssh1");
	if (slice_starts_with(s, " ruser ")) {
		l->extra = slice_from(s, 1);
		add_foreign(l, l->extra);
	} else if (slice_skip(&s, ": ")) {
		l->extra = s;
		if (key)
			read_key(l, s);
		else
			add_foreign(l, s);
	} else {
		add_foreign(l, s);
	}
}

/* What sshd writes at LogLevel VERBOSE when it finds a key, before it asks for a signature. */
static bool is_key_notice(struct slice s)
{
	if (slice_starts_with(s, "key ") || slice_starts_with(s, "certificate ID "))
		return true;
	return slice_starts_with(slice_from(s, token(s, " ").n), " public key ");
}

/* @m is the message, @s its part after "Accepted ". */
static enum login_reading read_openssh(struct slice m, struct slice s, struct login *ret)
{
	struct login l = {.vis_escaped = true, .cut = m.n >= LOGIN_CUT_LENGTH};
	struct origin origin = {0};
	bool other;
	size_t user;

	if (is_key_notice(s))
		return LOGIN_NONE;
	/* SSH1 with an empty password. */
	if (slice_starts_with(s, "without authentication for "))
		l.method = head(s, strlen("without authentication"));
	else
		l.method = token(s, " ");
	s = slice_from(s, l.method.n);
	if (!all(token(l.method, " "), is_graph) || !slice_skip(&s, " for "))
		return LOGIN_UNREADABLE;
	user = (size_t)(s.p - m.p);
	if (!find_origin(m, user, openssh_origin, &origin, &other))
		return LOGIN_UNREADABLE;

	l.user = head(s, origin.begin - user);
	(void)slice_skip(&l.user, "invalid user ");
	l.addr = origin.addr;
	l.address = origin.address;
	l.addr_known = origin.known;
	l.port = origin.port;
	l.ambiguous = other || (l.cut && origin_may_be_cut_off(s));
	read_extra(&l, slice_from(m, origin.end));
	*ret = l;
	return LOGIN_ACCEPTED;
}

/* "'USER' with [TYPE ]key FINGERPRINT", from the right; leaves "'USER'". */
static bool read_dropbear_key(struct login *l, struct slice *s)
{
	struct slice word = cut_last_word(s);

	if (is_fingerprint(word))
		l->fingerprint = word;
	word = cut_last_word(s);
	if (slice_eq_str(word, "md5") || slice_eq_str(word, "sha1"))
		word = cut_last_word(s);
	if (!slice_eq_str(word, "key"))
		return false;
	word = cut_last_word(s);
	if (!slice_eq_str(word, "with")) {
		l->key_type = word;
		word = cut_last_word(s);
	}
	return slice_eq_str(word, "with");
}

/*
 * Beginnings of messages in which sshd and Dropbear quote what a client called itself before it
 * had authenticated: there Dropbear's words are not the server's.
 */
static bool quotes_a_stranger(struct slice m)
{
	static const char *const beginnings[] = {
		"Failed ",
		"Postponed ",
		"Partial ",
		"Invalid user ",
		"Illegal user ",
		"User ",
		"error: ",
		"fatal: ",
		"debug",
		"pam_",
		"Connection ",
		"Disconnect",
		"Received ",
		"Bad password attempt ",
		"Login attempt ",
		"Exit before ",
		"input_userauth_request: ",
	};

	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++) {
		if (slice_starts_with(m, beginnings[i]))
			return true;
	}
	return slice_skip_end(&m, " [preauth]");
}

static enum login_reading read_dropbear(struct slice m, struct login *ret)
{
	static const struct {
		const char *begin;
		const char *method;
	} forms[] = {
		{"Password auth ", "password"},
		{"PAM password auth ", "password"},
		{"Pubkey auth ", "publickey"},
		{"Auth succeeded with blank password for '", "none"},
		{"password auth ", "password"}, /* before 0.53 */
		{"pubkey auth ", "publickey"},
	};
	struct login l = {.cut = m.n >= LOGIN_CUT_LENGTH};
	struct slice s = m, before;
	struct origin origin = {0};
	size_t form = 0;

	while (form < ARRAY_SIZE(forms) && !slice_skip(&s, forms[form].begin))
		form++;
	if (form == ARRAY_SIZE(forms))
		return LOGIN_UNREADABLE;
	if (slice_skip_end(&s, ", extra auth required"))
		return LOGIN_NONE;
	l.method = slice_of(forms[form].method);
	if (!slice_eq_str(l.method, "none") && !slice_skip(&s, "succeeded for '"))
		return LOGIN_UNREADABLE;
	before = s;
	(void)cut_last_word(&before);
	if (!slice_skip_end(&before, " from"))
		return LOGIN_UNREADABLE;
	if (!find_origin(m, (size_t)(before.p + before.n - m.p), dropbear_origin, &origin,
			 &l.ambiguous) ||
	    origin.end != m.n)
		return LOGIN_UNREADABLE;
	if (slice_eq_str(l.method, "publickey") && !read_dropbear_key(&l, &before))
		return LOGIN_UNREADABLE;
	if (!slice_skip_end(&before, "'"))
		return LOGIN_UNREADABLE;

	l.user = before;
	l.addr = origin.addr;
	l.address = origin.address;
	l.addr_known = true;
	l.port = origin.port;
	*ret = l;
	return LOGIN_ACCEPTED;
}

enum login_reading login_parse(struct slice message, struct login *ret)
{
	enum login_reading r;
	struct slice s;

	memset(ret, 0, sizeof(*ret));
	if (message.n == 0)
		return LOGIN_NONE;
	s = slice_from(message, verbose_prefix(message));
	if (slice_skip(&s, "Accepted "))
		return read_openssh(message, s, ret);
	if (find(message, 0, "uth succeeded") == SIZE_MAX)
		return LOGIN_NONE;
	r = read_dropbear(message, ret);
	return r == LOGIN_UNREADABLE && quotes_a_stranger(s) ? LOGIN_NONE : r;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* The byte of the escape at the beginning of @s, and the length of the escape; 0: no escape. */
static size_t read_escape(struct slice s, char *ret)
{
	static const char letters[] = "\\nrbavtf", bytes[] = "\\\n\r\b\a\v\t\f";
	const char *letter;

	if (s.n < 2 || s.p[0] != '\\')
		return 0;
	if (s.n >= 4 && s.p[1] <= '3' && is_octal(s.p[1]) && is_octal(s.p[2]) && is_octal(s.p[3])) {
		*ret = (char)((s.p[1] - '0') << 6 | (s.p[2] - '0') << 3 | (s.p[3] - '0'));
		return *ret == '\0' ? 0 : 4;
	}
	letter = s.p[1] == '\0' ? NULL : strchr(letters, s.p[1]);
	if (!letter)
		return 0;
	*ret = bytes[letter - letters];
	return 2;
}

int login_unescape(struct slice s, struct buffer *ret)
{
	size_t len = ret->len, n, i;
	int r = 0;

	for (i = 0; i < s.n && r >= 0; i += n) {
		const char *backslash = memchr(s.p + i, '\\', s.n - i);
		char c = '\\';

		if (backslash != s.p + i) {
			n = backslash ? (size_t)(backslash - s.p) - i : s.n - i;
			r = buffer_append(ret, s.p + i, n);
			continue;
		}
		n = read_escape(slice_from(s, i), &c);
		if (n == 0)
			n = 1;
		r = buffer_append_char(ret, n == 1 ? '\\' : c);
	}
	if (r < 0)
		ret->len = len;
	return r < 0 ? r : 0;
}

bool login_method_known(struct slice name)
{
	struct slice base = token(name, "/");

	if (base.n != name.n && base.n + 1 == name.n)
		return false;
	for (size_t i = 0; login_methods[i]; i++) {
		if (slice_eq_str(base, login_methods[i]))
			return true;
	}
	return false;
}
