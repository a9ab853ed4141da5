/*
 * libcurl's result codes do not say what a server refused (55 is MAIL, RCPT or DATA, and its
 * response code may be that of an earlier command). CURLOPT_DEBUGFUNCTION shows the dialogue: the
 * last command sent is the phase, and only the answer after it is the reply.
 *
 * If User= is set and the server offers no AUTH, libcurl sends without authentication and reports
 * success. Such a message is stopped before its first byte, and deferred: after its reply 354 the
 * server waits for data, and forgets the transaction when the connection closes (RFC 5321,
 * section 4.1.1.4).
 */
#include "deliver/smtp.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/timetext.h"
#include "deliver/hints.h"

#define CONNECT_TIMEOUT_SEC 30L
#define QUIT_TIMEOUT_SEC    1L

struct smtp_session {
	const struct smtp_options *options;
	CURL *curl;
	const struct transport_mail *mail;
	enum smtp_phase phase;
	bool authenticated;   /* AUTH was sent on this connection */
	bool unauthenticated; /* stopped because it was not */
	int before_data_error;
	size_t offset; /* of the message, read by libcurl so far */
	int code;
	bool reply_ended;
	bool quitting; /* QUIT was sent */
	char reply[256];
	char ehlo_refusal[128]; /* the reply to EHLO that made libcurl send HELO */
	char error[CURL_ERROR_SIZE];
};

static bool starts_with(const char *p, size_t n, const char *word)
{
	size_t k = strlen(word);

	return n >= k && strncasecmp(p, word, k) == 0;
}

/* The length of a line as logged: without its end, at most 512. */
static int logged(const char *p, size_t n)
{
	while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r'))
		n--;
	return (int)(n < 512 ? n : 512);
}

static void command_sent(struct smtp_session *s, const char *p, size_t n)
{
	/* libcurl sends QUIT after a failure too, and waits for an answer that nobody needs. */
	s->quitting = starts_with(p, n, "QUIT");
	if (s->quitting) {
		(void)curl_easy_setopt(s->curl, CURLOPT_FTP_RESPONSE_TIMEOUT, QUIT_TIMEOUT_SEC);
		return;
	}
	if (starts_with(p, n, "HELO") && s->code >= 400)
		(void)snprintf(s->ehlo_refusal, sizeof(s->ehlo_refusal), "%.*s",
			       (int)sizeof(s->ehlo_refusal) - 1, s->reply);
	s->code = 0;
	s->reply[0] = '\0';
	s->reply_ended = false;
	if (starts_with(p, n, "EHLO") || starts_with(p, n, "HELO")) {
		s->phase = PHASE_EHLO;
		s->authenticated = false;
	} else if (starts_with(p, n, "STARTTLS")) {
		s->phase = PHASE_STARTTLS;
	} else if (starts_with(p, n, "AUTH ")) {
		s->phase = PHASE_AUTH;
		s->authenticated = true;
	} else if (starts_with(p, n, "MAIL FROM:")) {
		s->phase = PHASE_MAIL;
	} else if (starts_with(p, n, "RCPT TO:")) {
		s->phase = PHASE_RCPT;
	} else if (starts_with(p, n, "DATA")) {
		s->phase = PHASE_DATA;
	} else if (s->phase != PHASE_AUTH) { /* in AUTH a line of the client may be anything */
		s->phase = PHASE_OTHER;
	}
	if (s->phase == PHASE_AUTH)
		log_debug("smtp > (AUTH)");
	else
		log_debug("smtp > %.*s", logged(p, n), p);
}

/* Joins the lines of one reply; a byte that is not printable ASCII becomes "?". */
static void line_received(struct smtp_session *s, const char *p, size_t n)
{
	size_t at = strlen(s->reply);

	while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r'))
		n--;
	log_debug("smtp < %.*s", logged(p, n), p);
	if (s->quitting || n < 3 || p[0] < '2' || p[0] > '5' || p[1] < '0' || p[1] > '9' ||
	    p[2] < '0' || p[2] > '9')
		return;
	if (s->reply_ended) {
		at = 0;
		s->reply[0] = '\0';
	}
	s->reply_ended = n == 3 || p[3] == ' ';
	s->code = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	if (at > 0 && at + 1 < sizeof(s->reply))
		s->reply[at++] = ' ';
	for (size_t i = 0; i < n && at + 1 < sizeof(s->reply); i++)
		s->reply[at++] = p[i] >= 0x20 && p[i] < 0x7f ? p[i] : '?';
	s->reply[at] = '\0';
}

static int on_debug(CURL *curl, curl_infotype type, char *p, size_t n, void *userdata)
{
	struct smtp_session *s = userdata;

	(void)curl;
	if (type == CURLINFO_HEADER_OUT)
		command_sent(s, p, n);
	else if (type == CURLINFO_HEADER_IN)
		line_received(s, p, n);
	else if (type == CURLINFO_TEXT)
		log_debug("smtp * %.*s", logged(p, n), p);
	return 0;
}

static size_t on_read(char *to, size_t size, size_t count, void *userdata)
{
	struct smtp_session *s = userdata;
	size_t room = size * count, left = s->mail->bytes.n - s->offset;

	if (s->phase != PHASE_BODY) {
		if (s->options->server->user && !s->authenticated) {
			s->unauthenticated = true;
			return CURL_READFUNC_ABORT;
		}
		s->before_data_error =
			s->mail->before_data ? s->mail->before_data(s->mail->userdata) : 0;
		if (s->before_data_error != 0)
			return CURL_READFUNC_ABORT;
		s->phase = PHASE_BODY;
		s->code = 0;
		s->reply[0] = '\0';
		s->reply_ended = false;
	}
	if (left > room)
		left = room;
	memcpy(to, s->mail->bytes.p + s->offset, left);
	s->offset += left;
	return left;
}

static int on_progress(void *userdata, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct smtp_session *s = userdata;

	(void)a, (void)b, (void)c, (void)d;
	return s->mail && s->mail->alive && !s->mail->alive(s->mail->userdata);
}

struct smtp_session *smtp_new(const struct smtp_options *options)
{
	struct smtp_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->options = options;
	/* Undone in smtp_free(): libcurl counts the calls, and an idle sender keeps little memory.
	 */
	if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
		free(s);
		return NULL;
	}
	s->curl = curl_easy_init();
	if (!s->curl) {
		curl_global_cleanup();
		free(s);
		return NULL;
	}
	return s;
}

struct smtp_session *smtp_free(struct smtp_session *s)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (!s)
		return NULL;
	/*
	 * curl_easy_cleanup() sends QUIT and then waits up to two minutes for the answer. With the
	 * reading half shut down it does not wait.
	 */
	if (curl_easy_getinfo(s->curl, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK &&
	    fd != CURL_SOCKET_BAD)
		(void)shutdown(fd, SHUT_RD);
	s->mail = NULL;
	curl_easy_cleanup(s->curl);
	curl_global_cleanup();
	free(s);
	return NULL;
}

#define SET(option, value)                                                                         \
	do {                                                                                       \
		if (r == CURLE_OK)                                                                 \
			r = curl_easy_setopt(s->curl, option, value);                              \
	} while (0)

static CURLcode set_tls(struct smtp_session *s)
{
	static const long versions[] = {
		[CONFIG_TLS_1_0] = CURL_SSLVERSION_TLSv1_0,
		[CONFIG_TLS_1_1] = CURL_SSLVERSION_TLSv1_1,
		[CONFIG_TLS_1_2] = CURL_SSLVERSION_TLSv1_2,
		[CONFIG_TLS_1_3] = CURL_SSLVERSION_TLSv1_3,
	};
	const struct config_server *server = s->options->server;
	enum config_tls tls = server->tls;
	CURLcode r = CURLE_OK;
	bool verify;

	/* The configuration ensures this already; a password in the clear is worth a second check.
	 */
	if (server->user && tls != CONFIG_TLS_REQUIRED)
		tls = CONFIG_TLS_REQUIRED;
	/* A pinned key identifies the server without an authority. */
	verify = server->ca_file || (tls == CONFIG_TLS_REQUIRED && !server->pinned_key);
	SET(CURLOPT_USE_SSL, tls == CONFIG_TLS_REQUIRED	       ? (long)CURLUSESSL_ALL
			     : tls == CONFIG_TLS_OPPORTUNISTIC ? (long)CURLUSESSL_TRY
							       : (long)CURLUSESSL_NONE);
	SET(CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
	SET(CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
	SET(CURLOPT_SSLVERSION, versions[server->tls_minimum]);
	if (server->ca_file) {
		SET(CURLOPT_CAINFO, server->ca_file);
		SET(CURLOPT_CAPATH, NULL); /* this authority alone */
	}
	if (server->pinned_key)
		SET(CURLOPT_PINNEDPUBLICKEY, server->pinned_key);
	if (server->client_cert)
		SET(CURLOPT_SSLCERT, server->client_cert);
	if (server->client_key)
		SET(CURLOPT_SSLKEY, server->client_key);
	return r;
}

static CURLcode set_auth(struct smtp_session *s)
{
	const struct config_server *server = s->options->server;
	char login[128];
	CURLcode r = CURLE_OK;

	if (!server->user)
		return r;
	SET(CURLOPT_USERNAME, server->user);
	SET(CURLOPT_PASSWORD, s->options->password);
	if (server->auth) {
		(void)snprintf(login, sizeof(login), "AUTH=%s", server->auth);
		SET(CURLOPT_LOGIN_OPTIONS, login);
	}
	return r;
}

static CURLcode set_url(struct smtp_session *s)
{
	const char *url = s->options->server->url;
	size_t n = strlen(url);
	AUTO_FREE char *full = NULL;
	CURLcode r = CURLE_OK;
	char *name;

	while (n > 0 && url[n - 1] == '/')
		n--;
	name = curl_easy_escape(s->curl, s->options->ehlo_name, 0);
	if (!name)
		return CURLE_OUT_OF_MEMORY;
	if (asprintf(&full, "%.*s/%s", (int)n, url, name) < 0)
		full = NULL;
	curl_free(name);
	if (!full)
		return CURLE_OUT_OF_MEMORY;
	SET(CURLOPT_URL, full);
	return r;
}

static CURLcode set_protocols(struct smtp_session *s)
{
	CURLcode r = CURLE_OK;

#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
#else
	SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_SMTP | CURLPROTO_SMTPS));
#endif
	return r;
}

static CURLcode set_all(struct smtp_session *s, struct curl_slist *rcpts)
{
	uint64_t msec = s->options->timeout_usec / 1000;
	CURLcode r;

	/* 0 would mean no timeout at all, and so would more than libcurl can count. */
	if (msec == 0 || msec > INT32_MAX)
		msec = INT32_MAX;
	curl_easy_reset(s->curl); /* keeps the connection */
	r = set_url(s);
	if (r == CURLE_OK)
		r = set_protocols(s);
	if (r == CURLE_OK)
		r = set_tls(s);
	if (r == CURLE_OK)
		r = set_auth(s);
	SET(CURLOPT_MAIL_FROM, s->mail->envelope_from);
	SET(CURLOPT_MAIL_RCPT, rcpts);
	SET(CURLOPT_UPLOAD, 1L);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_READDATA, s);
	SET(CURLOPT_VERBOSE, 1L);
	SET(CURLOPT_DEBUGFUNCTION, on_debug);
	SET(CURLOPT_DEBUGDATA, s);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, s);
	SET(CURLOPT_ERRORBUFFER, s->error);
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_SEC);
	SET(CURLOPT_TIMEOUT_MS, (long)msec);
	/* Only this ends libcurl's own wait for a reply; its default is 120 s. */
	SET(CURLOPT_FTP_RESPONSE_TIMEOUT, (long)(msec / 1000 + 1));
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	return r;
}

#undef SET

static const char *const phase_names[] = {
	[PHASE_CONNECT] = "connecting", [PHASE_EHLO] = "EHLO",
	[PHASE_STARTTLS] = "STARTTLS",	[PHASE_AUTH] = "AUTH",
	[PHASE_MAIL] = "MAIL",		[PHASE_RCPT] = "RCPT",
	[PHASE_DATA] = "DATA",		[PHASE_BODY] = "the message",
	[PHASE_OTHER] = "the dialogue",
};

static void describe(const struct smtp_session *s, CURLcode r, struct transport_result *ret)
{
	const char *why = s->error[0] ? s->error : curl_easy_strerror(r),
		   *what = hints_find(r, s->phase, s->code);
	const char *url = s->options->server->url;

	if (s->ehlo_refusal[0] && (s->unauthenticated || r == CURLE_USE_SSL_FAILED))
		(void)snprintf(ret->text, sizeof(ret->text),
			       "%s: at EHLO the server said: %s (and so offers no %s, which is "
			       "required: see EhloName=)",
			       url, s->ehlo_refusal, s->unauthenticated ? "AUTH" : "STARTTLS");
	else if (s->unauthenticated)
		(void)snprintf(ret->text, sizeof(ret->text),
			       "%s: at EHLO: the server offers no AUTH, and User= is set: nothing "
			       "was sent (is this the right server or port, or User= not needed?)",
			       url);
	else if (s->before_data_error != 0)
		(void)snprintf(ret->text, sizeof(ret->text), "%s: not sent: %s", url,
			       strerror(-s->before_data_error));
	else if (r == CURLE_ABORTED_BY_CALLBACK)
		(void)snprintf(ret->text, sizeof(ret->text), "%s: interrupted at %s", url,
			       phase_names[s->phase]);
	else if (s->code >= 400)
		(void)snprintf(ret->text, sizeof(ret->text), "%s: at %s the server said: %s%s%s%s",
			       url,
			       s->phase == PHASE_CONNECT ? "the greeting" : phase_names[s->phase],
			       s->reply, what ? " (" : "", what ? what : "", what ? ")" : "");
	else
		(void)snprintf(ret->text, sizeof(ret->text), "%s: at %s: %s%s%s%s", url,
			       phase_names[s->phase], why, what ? " (" : "", what ? what : "",
			       what ? ")" : "");
}

/* libcurl's texts may quote the server. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
}

static void judge(const struct smtp_session *s, CURLcode r, struct transport_result *ret)
{
	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->reply, sizeof(ret->reply), "%s", s->reply);
	if (r == CURLE_OK) {
		ret->outcome = TRANSPORT_SENT;
		(void)snprintf(ret->text, sizeof(ret->text), "%s: %s", s->options->server->url,
			       s->reply);
		return;
	}
	describe(s, r, ret);
	make_printable(ret->text);
	ret->outcome = TRANSPORT_DEFERRED;
	if (s->unauthenticated || s->before_data_error != 0 || s->code == 421)
		return;
	if (s->phase == PHASE_RCPT && s->code >= 400) {
		ret->outcome = TRANSPORT_RCPT_REFUSED;
		ret->permanent = s->code >= 500;
	} else if ((s->phase == PHASE_DATA || s->phase == PHASE_BODY) && s->code >= 400) {
		ret->outcome = s->code >= 500 ? TRANSPORT_REFUSED : TRANSPORT_DEFERRED;
		ret->about_mail = true;
	} else if (s->phase == PHASE_BODY && s->offset == s->mail->bytes.n) {
		ret->outcome = TRANSPORT_IN_DOUBT;
	}
}

void smtp_send(struct smtp_session *s, const struct transport_mail *mail,
	       struct transport_result *ret)
{
	struct curl_slist *rcpts = NULL;
	CURLcode r = CURLE_OK;
	long connects = 0;

	s->mail = mail;
	for (size_t i = 0; i < mail->n_rcpts; i++) {
		struct curl_slist *more = curl_slist_append(rcpts, mail->rcpts[i]);

		if (!more) {
			r = CURLE_OUT_OF_MEMORY;
			break;
		}
		rcpts = more;
	}
	for (int attempt = 0; attempt < 2; attempt++) {
		s->phase = PHASE_CONNECT;
		s->code = 0;
		s->offset = 0;
		s->reply_ended = s->quitting = s->unauthenticated = false;
		s->before_data_error = 0;
		s->reply[0] = s->ehlo_refusal[0] = s->error[0] = '\0';
		if (r == CURLE_OK)
			r = set_all(s, rcpts);
		if (r == CURLE_OK && attempt > 0)
			r = curl_easy_setopt(s->curl, CURLOPT_FRESH_CONNECT, 1L);
		if (r != CURLE_OK)
			break;
		r = curl_easy_perform(s->curl);
		/* A kept connection may have been closed meanwhile; a late 421 may say so. */
		if (r == CURLE_OK || r == CURLE_ABORTED_BY_CALLBACK || s->phase >= PHASE_DATA ||
		    (s->code != 0 && s->code != 421) ||
		    curl_easy_getinfo(s->curl, CURLINFO_NUM_CONNECTS, &connects) != CURLE_OK ||
		    connects > 0 || attempt > 0)
			break;
		r = CURLE_OK;
	}
	judge(s, r, ret);
	/* The handle would keep a pointer to them until the next reset. */
	(void)curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, NULL);
	curl_slist_free_all(rcpts);
	s->mail = NULL;
}
