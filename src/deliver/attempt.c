/*
 * One transaction for all recipients that lack the mail; when one of them is refused, one
 * transaction each. A server that cannot take it now hands over to the next in the list, also
 * when it is in doubt whether it has taken it: a second copy, with the same Message-ID, is the
 * lesser evil.
 */
#include "deliver/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "deliver/sendmail.h"
#include "deliver/smtp_child.h"
#include "text/message/compose.h"

#define PASSWORD_MAX 4096
#define CREDENTIAL   "loginbell.smtp-password"
#define SENDMAIL     "sendmail:"

struct link {
	struct smtp_options options;
	struct smtp_child *child;
	char *password;
};

struct attempt {
	const struct config_destination *dest;
	struct hostname *host;
	struct link *links; /* one a server */
};

struct attempt *attempt_new(const struct config_destination *dest, struct hostname *host)
{
	struct attempt *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->dest = dest;
	a->host = host;
	a->links = calloc(dest->n_servers, sizeof(*a->links));
	if (!a->links) {
		free(a);
		return NULL;
	}
	return a;
}

struct attempt *attempt_free(struct attempt *a)
{
	if (!a)
		return NULL;
	for (size_t i = 0; i < a->dest->n_servers; i++) {
		(void)smtp_child_free(a->links[i].child);
		if (a->links[i].password)
			explicit_bzero(a->links[i].password, strlen(a->links[i].password));
		free(a->links[i].password);
	}
	free(a->links);
	free(a);
	return NULL;
}

/* *ret stays NULL where the file is empty. -errno. */
static int read_password_fd(int fd, char **ret)
{
	char text[PASSWORD_MAX];
	ssize_t n = read(fd, text, sizeof(text) - 1);
	int r = n < 0 ? -errno : 0;

	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (n > 0) {
		text[n] = '\0';
		*ret = strdup(text);
	}
	explicit_bzero(text, sizeof(text));
	return r;
}

/* The password in the file at @path. Where there is none, *reason says why. */
static char *read_password_file(const char *path, bool private, char *reason, size_t size)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r = fd < 0 ? -errno : 0;
	char *password = NULL;
	struct stat st;

	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == 0 && private && (st.st_mode & 007)) {
		(void)snprintf(reason, size, "%s may be read by others (mode %04o); chmod o-rwx it",
			       path, (unsigned)(st.st_mode & 07777));
		return NULL;
	}
	if (r == 0)
		r = read_password_fd(fd, &password);
	if (r < 0)
		(void)snprintf(reason, size, "the password in %s cannot be read by uid %u: %s",
			       path, (unsigned)geteuid(), strerror(-r));
	else if (!password)
		(void)snprintf(reason, size, "%s holds no password", path);
	return password;
}

/*
 * The unit has two credentials: one that may be encrypted, and is an empty line where it is not
 * there, and a plain one. Without a service manager, the plain one from where that would take it:
 * "loginbell test-mail" by root uses the password that the service uses.
 */
static char *read_credential(char *reason, size_t size)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX], *password = NULL;

	if (directory) {
		(void)snprintf(path, sizeof(path), "%s/" CREDENTIAL, directory);
		password = read_password_file(path, false, reason, size);
		if (!password) {
			(void)snprintf(path, sizeof(path), "%s/" CREDENTIAL ".plain", directory);
			password = read_password_file(path, false, reason, size);
		}
	} else
		password = read_password_file("/etc/credstore/" CREDENTIAL, true, reason, size);
	if (!password)
		(void)snprintf(
			reason, size,
			"User= is set, but there is no password: neither PasswordFile= nor the "
			"credential " CREDENTIAL);
	return password;
}

/* Finds the password of @server. Where there is none, *reason says why. */
static char *read_password(const struct config_server *server, char *reason, size_t size)
{
	return server->password_file ? read_password_file(server->password_file, true, reason, size)
				     : read_credential(reason, size);
}

static int link_open(struct attempt *a, size_t at, struct transport_result *ret)
{
	const struct config_server *server = &a->dest->servers[at];
	struct link *l = &a->links[at];
	char reason[400] = "out of memory";

	if (l->child)
		return 0;
	if (server->user && !l->password) {
		l->password = read_password(server, reason, sizeof(reason));
		if (!l->password)
			goto fail;
	}
	l->options = (struct smtp_options){
		.server = server,
		.ehlo_name = a->dest->ehlo_name ? a->dest->ehlo_name : hostname_fqdn(a->host),
		.password = l->password,
		.timeout_usec = a->dest->timeout_usec,
	};
	l->child = smtp_child_new(&l->options);
	if (l->child)
		return 0;
fail:
	*ret = (struct transport_result){.outcome = TRANSPORT_DEFERRED};
	(void)snprintf(ret->text, sizeof(ret->text), "%.200s: %s", server->url, reason);
	return -EIO;
}

/* Tries the servers in order. */
static void transact(struct attempt *a, struct transport_mail *mail, struct transport_result *ret)
{
	bool in_doubt = false;

	for (size_t i = 0; i < a->dest->n_servers; i++) {
		const char *url = a->dest->servers[i].url;

		if (strncmp(url, SENDMAIL, strlen(SENDMAIL)) == 0)
			sendmail_send(url + strlen(SENDMAIL), a->dest->timeout_usec, mail, ret);
		else if (link_open(a, i, ret) == 0)
			smtp_child_send(a->links[i].child, mail, ret);
		in_doubt |= ret->outcome == TRANSPORT_IN_DOUBT;
		if (ret->outcome != TRANSPORT_DEFERRED && ret->outcome != TRANSPORT_IN_DOUBT)
			break;
		if (mail->alive && !mail->alive(mail->userdata))
			break;
		if (i + 1 < a->dest->n_servers)
			log_warning("%s; trying %s", ret->text, a->dest->servers[i + 1].url);
	}
	if (in_doubt && ret->outcome == TRANSPORT_DEFERRED)
		ret->outcome = TRANSPORT_IN_DOUBT;
}

static enum spool_rcpt_state refused_state(const struct transport_result *r)
{
	return r->permanent || r->outcome == TRANSPORT_REFUSED ? SPOOL_REFUSED : SPOOL_DEFERRED;
}

/* One transaction each. Stops where a server fails for another reason than the recipient. */
static enum attempt_outcome send_each(struct attempt *a, struct spool_message *o,
				      struct transport_mail *mail, struct transport_result *ret)
{
	struct transport_result sent = {.text = "an earlier try"};

	for (size_t i = 0; i < o->n_rcpts; i++) {
		struct spool_rcpt *rcpt = &o->rcpts[i];
		const char *one = rcpt->addr;

		if (rcpt->state != SPOOL_OPEN)
			continue;
		mail->rcpts = &one;
		mail->n_rcpts = 1;
		transact(a, mail, ret);
		switch (ret->outcome) {
		case TRANSPORT_SENT:
			rcpt->state = SPOOL_ACCEPTED;
			sent = *ret;
			break;
		case TRANSPORT_RCPT_REFUSED:
			rcpt->state = refused_state(ret);
			log_error("recipient %s was refused: %s", rcpt->addr, ret->text);
			break;
		case TRANSPORT_REFUSED:
			/* Others took the same bytes: then it is this recipient's policy. */
			if (spool_count(o, SPOOL_ACCEPTED) == 0)
				return ATTEMPT_REFUSED;
			rcpt->state = SPOOL_REFUSED;
			log_error("recipient %s refused the mail: %s", rcpt->addr, ret->text);
			break;
		case TRANSPORT_DEFERRED:
		case TRANSPORT_IN_DOUBT:
			return ATTEMPT_DEFERRED;
		}
	}
	if (spool_count(o, SPOOL_ACCEPTED) == 0)
		return ATTEMPT_NOBODY;
	*ret = sent;
	return ATTEMPT_DONE;
}

static enum attempt_outcome send_all(struct attempt *a, struct spool_message *o,
				     struct transport_mail *mail, struct transport_result *ret)
{
	AUTO_FREE const char **rcpts = calloc(o->n_rcpts, sizeof(*rcpts));
	size_t n = 0;

	if (!rcpts) {
		(void)snprintf(ret->text, sizeof(ret->text), "out of memory");
		return ATTEMPT_DEFERRED;
	}
	for (size_t i = 0; i < o->n_rcpts; i++)
		if (o->rcpts[i].state == SPOOL_OPEN)
			rcpts[n++] = o->rcpts[i].addr;
	/* Some have it already: then it was one transaction each, and stays so. */
	if (n < o->n_rcpts && n > 0)
		return send_each(a, o, mail, ret);
	mail->rcpts = rcpts;
	mail->n_rcpts = n;
	transact(a, mail, ret);
	switch (ret->outcome) {
	case TRANSPORT_SENT:
		for (size_t i = 0; i < o->n_rcpts; i++)
			o->rcpts[i].state = SPOOL_ACCEPTED;
		return ATTEMPT_DONE;
	case TRANSPORT_RCPT_REFUSED:
		if (n > 1)
			return send_each(a, o, mail, ret);
		o->rcpts[0].state = refused_state(ret);
		return ATTEMPT_NOBODY;
	case TRANSPORT_REFUSED:
		return ATTEMPT_REFUSED;
	case TRANSPORT_DEFERRED:
	case TRANSPORT_IN_DOUBT:
		break;
	}
	return ATTEMPT_DEFERRED;
}

enum attempt_outcome attempt_send(struct attempt *a, struct spool_message *o,
				  const struct attempt_hooks *hooks, struct transport_result *ret)
{
	AUTO_BUFFER struct buffer from = BUFFER_INIT(1024);
	struct transport_mail mail = {
		.bytes = buffer_slice(&o->mail),
		.before_data = hooks->before_data,
		.alive = hooks->alive,
		.userdata = hooks->userdata,
		.envelope_from = a->dest->envelope_from,
	};
	bool in_doubt = o->in_doubt;
	enum attempt_outcome outcome;

	*ret = (struct transport_result){.outcome = TRANSPORT_DEFERRED};
	if (!mail.envelope_from) {
		mail.envelope_from = compose_from(a->dest, hostname_fqdn(a->host), &from) == 0
					     ? buffer_cstr(&from)
					     : NULL;
		if (!mail.envelope_from) {
			(void)snprintf(ret->text, sizeof(ret->text), "out of memory");
			return ATTEMPT_DEFERRED;
		}
	}
	outcome = send_all(a, o, &mail, ret);
	/* What was in doubt before stays so, until a server takes it. */
	o->in_doubt =
		outcome != ATTEMPT_DONE &&
		(in_doubt || (outcome == ATTEMPT_DEFERRED && ret->outcome == TRANSPORT_IN_DOUBT));
	return outcome;
}
