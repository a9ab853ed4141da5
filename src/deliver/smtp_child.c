/*
 * The child is made at the first mail. Over a socket pair it gets each mail whole, asks once before
 * the first byte of it goes out, and answers with what came of it. It has nothing else of the
 * sender's: no lock, no state. When it dies in between, the mail is in doubt if it had asked, else
 * not; when the sender dies, so does it.
 */
#include "deliver/smtp_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"

#define ALIVE_MSEC  1000
#define MAIL_MAX    ((size_t)64 << 20)
#define RCPTS_MAX   100000
#define END_MSEC    2000 /* for QUIT and clean-up; then it is killed */
#define END_STEP_MS 5

enum word { WORD_ASK = 1, WORD_RESULT };

struct session {
	const struct smtp_options *options;
	pid_t pid; /* 0: not made */
	int fd;
};

/* What stands before a mail on its way to the child; texts follow in this order. */
struct request {
	size_t from, n_rcpts, bytes;
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

/* All @n bytes; -EPIPE at the end. */
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

/* A text of @n bytes, with a NUL. */
static char *receive_text(int fd, size_t n)
{
	char *text = n < MAIL_MAX ? malloc(n + 1) : NULL;

	if (!text || receive_all(fd, text, n) < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

static void free_rcpts(char **rcpts, size_t n)
{
	for (size_t i = 0; rcpts && i < n; i++)
		free(rcpts[i]);
	free(rcpts);
}

/* One mail: -errno ends the child. */
static int serve_one(struct smtp_session *smtp, int fd)
{
	AUTO_FREE char *from = NULL, *bytes = NULL;
	struct transport_result result = {.outcome = TRANSPORT_DEFERRED};
	struct transport_mail mail = {.before_data = ask, .userdata = &fd};
	unsigned char word = WORD_RESULT;
	struct request q;
	char **rcpts;
	int r = receive_all(fd, &q, sizeof(q));

	if (r < 0)
		return r;
	from = receive_text(fd, q.from);
	rcpts = q.n_rcpts <= RCPTS_MAX ? calloc(q.n_rcpts, sizeof(*rcpts)) : NULL;
	for (size_t i = 0; rcpts && i < q.n_rcpts; i++) {
		size_t n;

		rcpts[i] = receive_all(fd, &n, sizeof(n)) == 0 ? receive_text(fd, n) : NULL;
		if (!rcpts[i])
			r = -ENOMEM;
	}
	bytes = r == 0 && rcpts ? receive_text(fd, q.bytes) : NULL;
	if (from && bytes) {
		mail.envelope_from = from;
		mail.rcpts = (const char *const *)rcpts;
		mail.n_rcpts = q.n_rcpts;
		mail.bytes = (struct slice){bytes, q.bytes};
		smtp_send(smtp, &mail, &result);
		r = send_all(fd, &word, 1);
		if (r == 0)
			r = send_all(fd, &result, sizeof(result));
	} else
		r = -ENOMEM;
	free_rcpts(rcpts, q.n_rcpts);
	return r;
}

static void serve(const struct smtp_options *options, int fd)
{
	struct smtp_session *smtp = smtp_new(options);

	while (smtp && serve_one(smtp, fd) == 0)
		;
	(void)smtp_free(smtp);
}

/* Keeps only standard error and the socket. */
static void close_others(int fd)
{
	if (fd > 3)
		(void)syscall(SYS_close_range, 3U, (unsigned)fd - 1, 0U);
	(void)syscall(SYS_close_range, (unsigned)fd + 1, ~0U, 0U);
}

static void become_child(const struct smtp_options *options, int fd, pid_t parent)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	/* When to end is the sender's to say, also where a signal went to all processes. */
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	close_others(fd);
	serve(options, fd);
	_exit(0);
}

/* ---- the sender ---- */

struct session *session_new(const struct smtp_options *options)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->options = options;
	s->fd = -1;
	return s;
}

static int start(struct session *s)
{
	pid_t parent = getpid();
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	s->pid = fork();
	if (s->pid < 0) {
		int r = -errno;

		s->pid = 0;
		(void)close(fds[0]);
		(void)close(fds[1]);
		return r;
	}
	if (s->pid == 0) {
		(void)close(fds[0]);
		become_child(s->options, fds[1], parent);
	}
	(void)close(fds[1]);
	s->fd = fds[0];
	return 0;
}

static void kill_child(struct session *s)
{
	if (!s->pid)
		return;
	(void)kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	(void)close(s->fd);
	s->pid = 0;
	s->fd = -1;
}

struct session *session_free(struct session *s)
{
	if (!s)
		return NULL;
	if (s->pid) {
		(void)shutdown(s->fd, SHUT_RDWR);
		for (int waited = 0; waited < END_MSEC; waited += END_STEP_MS) {
			if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
				(void)close(s->fd);
				s->pid = 0;
				break;
			}
			(void)poll(NULL, 0, END_STEP_MS);
		}
		kill_child(s);
	}
	free(s);
	return NULL;
}

static int hand_over(struct session *s, const struct transport_mail *mail)
{
	struct request q = {strlen(mail->envelope_from), mail->n_rcpts, mail->bytes.n};
	int r = send_all(s->fd, &q, sizeof(q));

	if (r == 0)
		r = send_all(s->fd, mail->envelope_from, q.from);
	for (size_t i = 0; r == 0 && i < mail->n_rcpts; i++) {
		size_t n = strlen(mail->rcpts[i]);

		r = send_all(s->fd, &n, sizeof(n));
		if (r == 0)
			r = send_all(s->fd, mail->rcpts[i], n);
	}
	return r == 0 ? send_all(s->fd, mail->bytes.p, mail->bytes.n) : r;
}

/* Waits for the child's next word: 0, -EPIPE when it died, -ECANCELED when alive() says so. */
static int next_word(struct session *s, const struct transport_mail *mail, unsigned char *ret)
{
	for (;;) {
		struct pollfd p = {.fd = s->fd, .events = POLLIN};
		int n = poll(&p, 1, ALIVE_MSEC);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			return receive_all(s->fd, ret, 1);
		if (mail->alive && !mail->alive(mail->userdata))
			return -ECANCELED;
	}
}

static int converse(struct session *s, const struct transport_mail *mail, bool *ret_asked,
		    struct transport_result *ret)
{
	unsigned char word;
	int r = hand_over(s, mail);

	while (r == 0) {
		r = next_word(s, mail, &word);
		if (r < 0)
			break;
		if (word == WORD_RESULT)
			return receive_all(s->fd, ret, sizeof(*ret));
		*ret_asked = true;
		r = mail->before_data ? mail->before_data(mail->userdata) : 0;
		r = send_all(s->fd, &r, sizeof(r));
	}
	return r;
}

void session_send(struct session *s, const struct transport_mail *mail,
		  struct transport_result *ret)
{
	bool asked = false;
	int r = s->pid ? 0 : start(s);

	if (r == 0)
		r = converse(s, mail, &asked, ret);
	if (r == 0)
		return;
	kill_child(s);
	*ret = (struct transport_result){.outcome =
						 asked ? TRANSPORT_IN_DOUBT : TRANSPORT_DEFERRED};
	(void)snprintf(ret->text, sizeof(ret->text), "%.200s: %s", s->options->server->url,
		       r == -ECANCELED ? "interrupted"
		       : r == -EPIPE   ? "the process that sends ended unexpectedly"
				       : strerror(-r));
}
