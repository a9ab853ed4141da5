/*
 * One transaction for all recipients that lack the message; if one of them is refused, one
 * transaction each. If a server defers the message, the next one is tried, also if the message is
 * in doubt: a second copy, with the same Message-ID, is the lesser evil.
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
	struct link *links; /* one for each server */
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

/* Without newlines at its end. NULL: none; then *reason says why. */
static char *read_password_file(const char *path, bool private, char *reason, size_t size)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char text[PASSWORD_MAX], *password = NULL;
	struct stat st;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		if (private && (st.st_mode & 007)) {
			(void)snprintf(reason, size,
				       "%s may be read by others (mode %04o); chmod o-rwx it", path,
				       (unsigned)(st.st_mode & 07777));
			return NULL;
		}
		n = read(fd, text, sizeof(text) - 1);
	}
	if (n < 0)
		(void)snprintf(reason, size, "the password in %s cannot be read by uid %u: %s",
			       path, (unsigned)geteuid(), strerror(errno));
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (n == 0)
		(void)snprintf(reason, size, "%s holds no password", path);
	if (n > 0) {
		text[n] = '\0';
		password = strdup(text);
	}
	explicit_bzero(text, sizeof(text));
	return password;
}

/*
 * The unit has two credentials: one that may be encrypted, whose default is an empty line, and a
 * plain one. Without a service manager the file that systemd would load is read, so that root's
 * "loginbell test-mail" uses the service's password.
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

static int link_open(struct attempt *a, size_t at, struct transport_result *ret)
{
	const struct config_server *server = &a->dest->servers[at];
	struct link *l = &a->links[at];
	char reason[400] = "out of memory";

	if (l->child)
		return 0;
	if (server->user && !l->password) {
		l->password = server->password_file
				      ? read_password_file(server->password_file, true, reason,
							   sizeof(reason))
				      : read_credential(reason, sizeof(reason));
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

/* One transaction each. Stops if a server fails for another reason than the recipient. */
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
			rcpt->state = ret->permanent ? SPOOL_REFUSED : SPOOL_DEFERRED;
			log_error("recipient %s was refused: %s", rcpt->addr, ret->text);
			break;
		case TRANSPORT_REFUSED:
			/* Others accepted the same bytes, so this recipient's policy refuses it. */
			if (spool_count(o, SPOOL_ACCEPTED) == 0)
				return ATTEMPT_REFUSED;
			rcpt->state = SPOOL_REFUSED;
			log_error("recipient %s refused the message: %s", rcpt->addr, ret->text);
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
	/* If some have it already, it was one transaction each, and remains so. */
	if (n < o->n_rcpts || n == 1)
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
		return send_each(a, o, mail, ret);
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
	/* A doubt remains until a server accepts the message. */
	o->in_doubt =
		outcome != ATTEMPT_DONE &&
		(in_doubt || (outcome == ATTEMPT_DEFERRED && ret->outcome == TRANSPORT_IN_DOUBT));
	return outcome;
}
