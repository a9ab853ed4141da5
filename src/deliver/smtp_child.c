/*
 * The child is made for the first message. Over a socket pair it receives each message whole, asks
 * once before the first byte of it is sent to the server, and answers with the result. It has
 * nothing else of the sender's: no lock, no state. If it dies in between, the message is in doubt
 * if it had asked, and deferred otherwise; if the sender dies, the child is killed.
 */
#include "deliver/smtp_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"

#define ALIVE_MSEC  1000
#define TEXT_MAX    ((size_t)64 << 20)
#define END_MSEC    2000 /* for QUIT and clean-up, before it is killed */
#define END_STEP_MS 5

enum word { WORD_ASK = 1, WORD_RESULT };

struct smtp_child {
	const struct smtp_options *options;
	pid_t pid; /* 0: none */
	int fd;
};

/*
 * Comes before each message. @texts bytes follow, the envelope's sender and @n_rcpts recipients,
 * each with its NUL, and then the @bytes of the message.
 */
struct header {
	size_t n_rcpts, texts, bytes;
};

static int send_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t k = send(fd, at, n, MSG_NOSIGNAL);

		if (k < 0 && errno != EINTR)
			return -errno;
		if (k > 0) {
			at += k;
			n -= (size_t)k;
		}
	}
	return 0;
}

/* All of @n bytes; -EPIPE if the other side has closed. */
static int receive_all(int fd, void *p, size_t n)
{
	char *at = p;

	while (n > 0) {
		ssize_t k = recv(fd, at, n, 0);

		if (k == 0)
			return -EPIPE;
		if (k < 0 && errno != EINTR)
			return -errno;
		if (k > 0) {
			at += k;
			n -= (size_t)k;
		}
	}
	return 0;
}

/* ---- the child ---- */

static int ask(void *userdata)
{
	const int *fd = userdata;
	unsigned char word = WORD_ASK;
	int answer;

	if (send_all(*fd, &word, 1) < 0 || receive_all(*fd, &answer, sizeof(answer)) < 0)
		return -EPIPE;
	return answer;
}

/* @n bytes, and a NUL. */
static char *receive_text(int fd, size_t n)
{
	char *text = n < TEXT_MAX ? malloc(n + 1) : NULL;

	if (!text || receive_all(fd, text, n) < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

/* One message. -errno: the child has to end. */
static int serve_one(struct smtp_session *smtp, int fd)
{
	AUTO_FREE char *texts = NULL, *bytes = NULL;
	AUTO_FREE const char **rcpts = NULL;
	struct transport_result result;
	struct transport_mail mail = {.before_data = ask, .userdata = &fd};
	unsigned char word = WORD_RESULT;
	struct header h;
	int r = receive_all(fd, &h, sizeof(h));

	if (r < 0)
		return r;
	texts = receive_text(fd, h.texts);
	bytes = texts ? receive_text(fd, h.bytes) : NULL;
	rcpts = bytes ? calloc(h.n_rcpts, sizeof(*rcpts)) : NULL;
	if (!rcpts)
		return -ENOMEM;
	mail.envelope_from = texts;
	for (size_t i = 0; i < h.n_rcpts; i++)
		rcpts[i] = strchr(i ? rcpts[i - 1] : texts, '\0') + 1;
	mail.rcpts = rcpts;
	mail.n_rcpts = h.n_rcpts;
	mail.bytes = (struct slice){bytes, h.bytes};
	smtp_send(smtp, &mail, &result);
	r = send_all(fd, &word, 1);
	return r < 0 ? r : send_all(fd, &result, sizeof(result));
}

static void serve(const struct smtp_options *options, int fd)
{
	struct smtp_session *smtp = smtp_new(options);

	while (smtp && serve_one(smtp, fd) == 0)
		;
	(void)smtp_free(smtp);
}

/* All but standard error and the socket. */
static void close_others(int fd)
{
	if (fd > 3)
		(void)syscall(SYS_close_range, 3U, (unsigned)fd - 1, 0U);
	(void)syscall(SYS_close_range, (unsigned)fd + 1, ~0U, 0U);
}

_Noreturn static void run(const struct smtp_options *options, int fd)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

	/* A signal may go to the whole process group; the sender decides when its child ends. */
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	close_others(fd);
	serve(options, fd);
	_exit(0);
}

/* ---- the sender ---- */

struct smtp_child *smtp_child_new(const struct smtp_options *options)
{
	struct smtp_child *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->options = options;
	c->fd = -1;
	return c;
}

static int start(struct smtp_child *c)
{
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	pid = child_fork(SIGKILL);
	if (pid == 0) {
		(void)close(fds[0]);
		run(c->options, fds[1]);
	}
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return pid;
	}
	c->pid = pid;
	c->fd = fds[0];
	return 0;
}

/* The process has ended. */
static void forget(struct smtp_child *c)
{
	(void)close(steal_fd(&c->fd));
	c->pid = 0;
}

struct smtp_child *smtp_child_free(struct smtp_child *c)
{
	if (!c)
		return NULL;
	if (c->pid)
		(void)shutdown(c->fd, SHUT_RDWR);
	for (int waited = 0; c->pid && waited < END_MSEC; waited += END_STEP_MS) {
		if (waitpid(c->pid, NULL, WNOHANG) == c->pid)
			forget(c);
		else
			(void)poll(NULL, 0, END_STEP_MS);
	}
	if (c->pid) {
		child_kill(c->pid);
		forget(c);
	}
	free(c);
	return NULL;
}

static int send_mail(struct smtp_child *c, const struct transport_mail *mail)
{
	struct header h = {.n_rcpts = mail->n_rcpts,
			   .texts = strlen(mail->envelope_from) + 1,
			   .bytes = mail->bytes.n};
	int r;

	for (size_t i = 0; i < mail->n_rcpts; i++)
		h.texts += strlen(mail->rcpts[i]) + 1;
	r = send_all(c->fd, &h, sizeof(h));
	if (r == 0)
		r = send_all(c->fd, mail->envelope_from, strlen(mail->envelope_from) + 1);
	for (size_t i = 0; r == 0 && i < mail->n_rcpts; i++)
		r = send_all(c->fd, mail->rcpts[i], strlen(mail->rcpts[i]) + 1);
	return r == 0 ? send_all(c->fd, mail->bytes.p, mail->bytes.n) : r;
}

/* Waits for the child: 0, -EPIPE if it died, -ECANCELED if alive() returned false. */
static int receive_word(struct smtp_child *c, const struct transport_mail *mail, unsigned char *ret)
{
	for (;;) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		int n = poll(&p, 1, ALIVE_MSEC);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			return receive_all(c->fd, ret, 1);
		if (mail->alive && !mail->alive(mail->userdata))
			return -ECANCELED;
	}
}

static int converse(struct smtp_child *c, const struct transport_mail *mail, bool *ret_asked,
		    struct transport_result *ret)
{
	unsigned char word;
	int r = send_mail(c, mail);

	while (r == 0) {
		r = receive_word(c, mail, &word);
		if (r < 0)
			break;
		if (word == WORD_RESULT)
			return receive_all(c->fd, ret, sizeof(*ret));
		*ret_asked = true;
		r = mail->before_data ? mail->before_data(mail->userdata) : 0;
		r = send_all(c->fd, &r, sizeof(r));
	}
	return r;
}

void smtp_child_send(struct smtp_child *c, const struct transport_mail *mail,
		     struct transport_result *ret)
{
	bool asked = false;
	int r = c->pid ? 0 : start(c);

	if (r == 0)
		r = converse(c, mail, &asked, ret);
	if (r == 0)
		return;
	if (c->pid) {
		child_kill(c->pid);
		forget(c);
	}
	*ret = (struct transport_result){.outcome =
						 asked ? TRANSPORT_IN_DOUBT : TRANSPORT_DEFERRED};
	(void)snprintf(ret->text, sizeof(ret->text), "%.200s: %s", c->options->server->url,
		       r == -ECANCELED ? "interrupted"
		       : r == -EPIPE   ? "the process that sends ended unexpectedly"
				       : strerror(-r));
}
