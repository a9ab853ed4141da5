/*
 * These are the only checks of values: a recipient becomes part of the SMTP dialogue and of
 * sendmail's command line unchanged, a host part of a URL. So each form lists what is allowed, and
 * everything else is an error.
 */
#include "text/config_value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <strings.h>

#include "base/number.h"
#include "base/timetext.h"
#include "text/login.h"
#include "text/message/template.h"

#define LOCAL_PART_MAX 64  /* RFC 5321, section 4.5.3.1.1 */
#define ADDRESS_MAX    254 /* section 4.5.3.1.3: a path of 256 with its "<" and ">" */
#define HOST_MAX       253 /* RFC 1035, section 2.3.4, as text */
#define LABEL_MAX      63

/* Sets err->text; -EINVAL. */
#define REFUSE(err, ...) (error_set((err), NULL, 0, 0, __VA_ARGS__), -EINVAL)

int config_value_next_word(struct slice *rest, struct slice *ret, struct error *err)
{
	struct slice s = slice_trim(*rest), word = {s.p, 0};
	const char *end;

	*rest = s;
	if (s.n == 0)
		return 0;
	if (s.p[0] == '#' || s.p[0] == ';')
		return REFUSE(err, "a comment takes a line of its own");
	if (s.p[0] == '"' || s.p[0] == '\'') {
		end = memchr(s.p + 1, s.p[0], s.n - 1);
		if (!end)
			return REFUSE(err, "a quote is not closed");
		word = (struct slice){s.p + 1, (size_t)(end - s.p) - 1};
		s = slice_from(s, word.n + 2);
		if (s.n > 0 && !ascii_is_blank(s.p[0]))
			return REFUSE(err, "quotes go around a whole value");
		if (word.n == 0)
			return REFUSE(err, "a value in quotes is empty");
	} else {
		while (word.n < s.n && !ascii_is_blank(s.p[word.n]))
			word.n++;
		s = slice_from(s, word.n);
	}
	*rest = s;
	*ret = word;
	return 1;
}

/* Dot-separated labels of letters, digits, '-' and '_'. */
static bool is_host_name(struct slice s)
{
	size_t label = 0, last_label = 0;
	bool numeric = true;

	if (s.n == 0 || s.n > HOST_MAX)
		return false;
	for (size_t i = 0; i <= s.n; i++) {
		if (i == s.n || s.p[i] == '.') {
			if (label == 0 || label > LABEL_MAX || s.p[i - 1] == '-' ||
			    s.p[i - label] == '-')
				return false;
			last_label = i - label;
			label = 0;
		} else if (ascii_is_alnum(s.p[i]) || s.p[i] == '-' || s.p[i] == '_') {
			label++;
		} else {
			return false;
		}
	}
	/* No top-level domain is a number (RFC 3696, section 2): it is a wrong address. */
	for (size_t i = last_label; i < s.n; i++)
		numeric = numeric && ascii_is_digit(s.p[i]);
	return !numeric;
}

/* Parses all of @s as an address of @family. */
static bool is_ip(int family, struct slice s, unsigned char ret[16])
{
	char text[INET6_ADDRSTRLEN];

	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(family, text, ret) == 1;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321, section 4.1.3). */
static bool is_address_literal(struct slice s)
{
	unsigned char bytes[16];

	if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	s = (struct slice){s.p + 1, s.n - 2};
	if (s.n > 5 && strncasecmp(s.p, "IPv6:", 5) == 0)
		return is_ip(AF_INET6, slice_from(s, 5), bytes);
	return is_ip(AF_INET, s, bytes);
}

int config_value_check_ehlo_name(struct slice s, struct error *err)
{
	if (is_host_name(s) || is_address_literal(s))
		return 0;
	return REFUSE(err, "\"%.*s\" is not a host name", CONFIG_VALUE_SHOWN(s));
}

/* atext of RFC 5322, section 3.2.3. */
static bool is_atext(char c)
{
	return ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static const char *local_part_fault(struct slice s)
{
	if (s.n == 0)
		return "there is nothing before the \"@\"";
	if (s.n > LOCAL_PART_MAX)
		return "there are more than 64 characters before the \"@\"";
	if (s.p[0] == '-')
		return "a \"-\" at the beginning would be an option of sendmail";
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((unsigned char)c >= 0x80)
			return "only ASCII is allowed";
		if (c == '<' || c == '>' || c == '(' || c == '"' || ascii_is_blank(c))
			return "write the address alone, without a name, \"<\", quotes or spaces";
		if (c == ',')
			return "addresses are separated by spaces";
		if (c == '.') {
			if (i == 0 || i + 1 == s.n || s.p[i + 1] == '.')
				return "a \".\" is at an end, or doubled";
		} else if (!is_atext(c))
			return "a character is not allowed before the \"@\"";
	}
	return NULL;
}

static const char *domain_fault(struct slice s)
{
	if (is_host_name(s) || is_address_literal(s))
		return NULL;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return "only ASCII is allowed (a domain as xn--…)";
	if (s.n > 0 && s.p[s.n - 1] == ',')
		return "addresses are separated by spaces";
	return "the part after the \"@\" is not a host name";
}

int config_value_check_address(struct slice s, struct error *err)
{
	const char *at = memrchr(s.p, '@', s.n), *fault;
	size_t n = at ? (size_t)(at - s.p) : s.n;

	fault = local_part_fault((struct slice){s.p, n});
	if (!fault && at)
		fault = domain_fault(slice_from(s, n + 1));
	if (!fault && s.n > ADDRESS_MAX)
		fault = "it is longer than 254 characters";
	if (!fault)
		return 0;
	return REFUSE(err, "\"%.*s\" is not a mail address: %s", CONFIG_VALUE_SHOWN(s), fault);
}

int config_value_check_path(struct slice s, struct error *err)
{
	if (s.p[0] == '/')
		return 0;
	return REFUSE(err, "\"%.*s\" is not an absolute path", CONFIG_VALUE_SHOWN(s));
}

/* "sha256//" and the 32 bytes of a SHA-256 hash in base64. */
static bool is_key_hash(struct slice s)
{
	if (!slice_starts_with(s, "sha256//") || s.n != 8 + 44 || s.p[s.n - 1] != '=')
		return false;
	for (size_t i = 8; i < s.n - 1; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '+' && s.p[i] != '/')
			return false;
	return true;
}

int config_value_check_pinned_key(struct slice s, struct error *err)
{
	struct slice rest = s;

	if (s.p[0] == '/')
		return 0;
	for (;;) {
		const char *end = memchr(rest.p, ';', rest.n);
		size_t n = end ? (size_t)(end - rest.p) : rest.n;

		if (!is_key_hash((struct slice){rest.p, n}))
			return REFUSE(err,
				      "\"%.*s\" is neither an absolute path nor "
				      "\"sha256//BASE64\"",
				      CONFIG_VALUE_SHOWN(s));
		if (!end)
			return 0;
		rest = slice_from(rest, n + 1);
	}
}

int config_value_check_program(struct slice s, struct error *err)
{
	if (s.n <= 255 && !memchr(s.p, '/', s.n) && !memchr(s.p, ',', s.n))
		return 0;
	return REFUSE(err, "\"%.*s\" is not the name of a program as the log has it",
		      CONFIG_VALUE_SHOWN(s));
}

int config_value_check_method(struct slice s, struct error *err)
{
	if (login_method_known(s))
		return 0;
	return REFUSE(err, "\"%.*s\" is no authentication method of OpenSSH or Dropbear",
		      CONFIG_VALUE_SHOWN(s));
}

int config_value_check_subject(struct slice s, struct error *err)
{
	return template_check(s, NULL, 0, err) == 0 ? 0 : -EINVAL;
}

int config_value_choice(struct slice s, const char *const *words, struct error *err)
{
	AUTO_BUFFER struct buffer all = BUFFER_INIT(sizeof(err->text));
	int r = 0;

	for (int i = 0; words[i]; i++)
		if (slice_eq_str(s, words[i]))
			return i;
	for (int i = 0; words[i] && r == 0; i++)
		r = buffer_printf(&all, "%s%s", i > 0 ? ", " : "", words[i]);
	return REFUSE(err, "\"%.*s\" is none of %.*s", CONFIG_VALUE_SHOWN(s), (int)all.len,
		      all.len ? all.data : "");
}

int config_value_duration(struct slice s, uint64_t min, uint64_t max, uint64_t *ret,
			  struct error *err)
{
	char text[TIMETEXT_MAX];
	uint64_t usec;

	if (timetext_parse_duration(s, &usec) < 0)
		return REFUSE(err, "\"%.*s\" is not a time span, as \"1min 30s\"",
			      CONFIG_VALUE_SHOWN(s));
	if (usec < min)
		return REFUSE(err, "\"%.*s\" is less than %s", CONFIG_VALUE_SHOWN(s),
			      timetext_duration(min, text));
	if (usec > max && usec == UINT64_MAX)
		return REFUSE(err, "\"%.*s\" is not possible here", CONFIG_VALUE_SHOWN(s));
	if (usec > max)
		return REFUSE(err, "\"%.*s\" is more than %s", CONFIG_VALUE_SHOWN(s),
			      timetext_duration(max, text));
	*ret = usec;
	return 0;
}

int config_value_number(struct slice s, uint64_t min, uint64_t max, uint64_t *ret,
			struct error *err)
{
	uint64_t v;

	if (number_parse_u64(s, max, &v) < 0 || v < min)
		return REFUSE(err, "\"%.*s\" is not a number from %llu to %llu",
			      CONFIG_VALUE_SHOWN(s), (unsigned long long)min,
			      (unsigned long long)max);
	*ret = v;
	return 0;
}

struct authority {
	bool ip6;
	struct slice host; /* without brackets */
	struct slice port; /* absent: the scheme's */
};

/* "HOST[:PORT]", to the end of the URL. */
static const char *split_authority(struct slice s, struct authority *ret)
{
	const char *end;

	if (memchr(s.p, '@', s.n))
		return "write user and password into User= and PasswordFile=";
	if (memchr(s.p, '/', s.n) || memchr(s.p, '?', s.n) || memchr(s.p, '#', s.n))
		return "nothing may follow the host and its port";
	ret->ip6 = s.n > 0 && s.p[0] == '[';
	ret->port = (struct slice){NULL, 0};
	if (ret->ip6) {
		end = memchr(s.p, ']', s.n);
		if (!end)
			return "the \"]\" is missing";
		ret->host = (struct slice){s.p + 1, (size_t)(end - s.p) - 1};
		s = slice_from(s, ret->host.n + 2);
		if (s.n > 0 && s.p[0] != ':')
			return "only a port may follow the \"]\"";
		if (s.n > 0)
			ret->port = slice_from(s, 1);
		return NULL;
	}
	end = memchr(s.p, ':', s.n);
	ret->host = (struct slice){s.p, end ? (size_t)(end - s.p) : s.n};
	if (end)
		ret->port = slice_from(s, ret->host.n + 1);
	if (end && memchr(ret->port.p, ':', ret->port.n))
		return "an IPv6 address must be in \"[\" and \"]\"";
	return NULL;
}

/* Appends the normalized host. */
static int append_host(const struct authority *a, struct buffer *ret, bool *ret_loopback)
{
	static const unsigned char loopback6[16] = {[15] = 1};
	unsigned char bytes[16];
	char text[INET6_ADDRSTRLEN];
	struct slice name;
	int r = 0;

	if (a->ip6) {
		if (!is_ip(AF_INET6, a->host, bytes) ||
		    !inet_ntop(AF_INET6, bytes, text, sizeof(text)))
			return -EINVAL;
		*ret_loopback = memcmp(bytes, loopback6, sizeof(loopback6)) == 0;
		return buffer_printf(ret, "[%s]", text);
	}
	if (is_ip(AF_INET, a->host, bytes)) {
		*ret_loopback = bytes[0] == 127;
		return buffer_append_slice(ret, a->host);
	}
	/* One dot at the end keeps a resolver from its search list. */
	name = a->host;
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (!is_host_name(name))
		return -EINVAL;
	*ret_loopback = slice_eq_nocase(a->host, SLICE_LITERAL("localhost"));
	for (size_t i = 0; i < a->host.n && r == 0; i++)
		r = buffer_append_char(ret, ascii_lower(a->host.p[i]));
	return r;
}

int config_value_url(struct slice s, struct buffer *ret, enum config_scheme *ret_scheme,
		     bool *ret_loopback, struct error *err)
{
	static const struct {
		const char *prefix;
		uint64_t port;
	} schemes[] = {
		[CONFIG_SCHEME_SMTP] = {"smtp://", 25},
		[CONFIG_SCHEME_SMTPS] = {"smtps://", 465},
		[CONFIG_SCHEME_SENDMAIL] = {"sendmail:", 0},
	};
	AUTO_BUFFER struct buffer text = BUFFER_INIT(s.n + 64);
	const char *fault = NULL;
	struct authority a;
	bool loopback = false;
	struct slice rest;
	uint64_t port;
	size_t scheme;
	int r;

	for (scheme = 0; scheme < ARRAY_SIZE(schemes); scheme++) {
		size_t n = strlen(schemes[scheme].prefix);

		if (s.n >= n && strncasecmp(s.p, schemes[scheme].prefix, n) == 0) {
			rest = slice_from(s, n);
			break;
		}
	}
	if (scheme == ARRAY_SIZE(schemes))
		return REFUSE(err,
			      "\"%.*s\" is none of smtp://HOST[:PORT], smtps://HOST[:PORT], "
			      "sendmail:/PATH",
			      CONFIG_VALUE_SHOWN(s));
	r = buffer_append_str(&text, schemes[scheme].prefix);
	if (r < 0)
		return r;
	if (scheme == CONFIG_SCHEME_SENDMAIL) {
		if (rest.n == 0 || rest.p[0] != '/')
			fault = "expected an absolute path";
		else
			r = buffer_append_slice(&text, rest);
	} else {
		port = schemes[scheme].port;
		fault = split_authority(rest, &a);
		if (!fault && a.port.p && (number_parse_u64(a.port, 65535, &port) < 0 || port == 0))
			fault = "a port is a number from 1 to 65535";
		if (!fault) {
			r = append_host(&a, &text, &loopback);
			if (r == -EINVAL)
				fault = "the host is neither a name nor an address";
			else if (r == 0 && port != schemes[scheme].port)
				r = buffer_printf(&text, ":%u", (unsigned)port);
		}
	}
	if (fault)
		return REFUSE(err, "\"%.*s\" is not a server's URL: %s", CONFIG_VALUE_SHOWN(s),
			      fault);
	if (r == 0 && ret)
		r = buffer_append_slice(ret, buffer_slice(&text));
	if (r < 0)
		return r;
	if (ret_scheme)
		*ret_scheme = (enum config_scheme)scheme;
	if (ret_loopback)
		*ret_loopback = loopback;
	return 0;
}
