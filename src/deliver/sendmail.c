/*
 * A child with two pipes, fed and listened to in one poll(2) loop, so that neither side can block
 * the other. It is told that the mail is whole only by the end of its input: when it is to be
 * stopped before that, it is killed first, so that it never takes half a mail for a whole one.
 */
#include "deliver/sendmail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/timetext.h"

#define TICK_MSEC	1000
#define LAST_WORDS_MSEC 100 /* for what it still says after its end */

extern char **environ;

struct child {
	pid_t pid;
	int in, err;
	char line[400]; /* of its standard error, unfinished */
	size_t line_len;
	char last[200]; /* its last line, for the result */
};

static uint64_t now_usec(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

/* CRLF to LF. */
static int to_local_lines(struct slice mail, struct buffer *ret)
{
	while (mail.n > 0) {
		const char *cr = memchr(mail.p, '\r', mail.n);
		size_t n = cr ? (size_t)(cr - mail.p) : mail.n;
		int r = buffer_append(ret, mail.p, n);

		if (r < 0)
			return r;
		mail = slice_from(mail, n);
		if (cr) {
			if (mail.n < 2 || mail.p[1] != '\n') {
				r = buffer_append_char(ret, '\r');
				if (r < 0)
					return r;
			}
			mail = slice_from(mail, 1);
		}
	}
	return 0;
}

static int spawn(const char *path, const struct transport_mail *mail, struct child *c)
{
	AUTO_FREE const char **argv = calloc(mail->n_rcpts + 6, sizeof(*argv));
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int in[2], err[2], r;
	sigset_t none, all;
	size_t n = 0;

	if (!argv)
		return -ENOMEM;
	argv[n++] = path;
	argv[n++] = "-i";
	argv[n++] = "-f";
	argv[n++] = mail->envelope_from;
	argv[n++] = "--";
	for (size_t i = 0; i < mail->n_rcpts; i++)
		argv[n++] = mail->rcpts[i];
	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(err, O_CLOEXEC) < 0) {
		r = -errno;
		(void)close(in[0]);
		(void)close(in[1]);
		return r;
	}
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	(void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						      POSIX_SPAWN_SETPGROUP);
	r = -posix_spawn(&c->pid, path, &actions, &attr, (char *const *)(void *)argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(in[0]);
	(void)close(err[1]);
	if (r < 0) {
		(void)close(in[1]);
		(void)close(err[0]);
		return r;
	}
	(void)fcntl(in[1], F_SETFL, O_NONBLOCK);
	(void)fcntl(err[0], F_SETFL, O_NONBLOCK);
	c->in = in[1];
	c->err = err[0];
	return 0;
}

static void line_done(struct child *c)
{
	if (c->line_len == 0)
		return;
	c->line[c->line_len] = '\0';
	c->line_len = 0;
	log_warning("sendmail: %s", c->line);
	(void)snprintf(c->last, sizeof(c->last), "%.190s", c->line);
}

/* Reads its standard error; closes it at the end. */
static void listen_to(struct child *c)
{
	char buf[1024];
	ssize_t n = read(c->err, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n' || c->line_len == sizeof(c->line) - 1)
			line_done(c);
		if (buf[i] != '\n')
			c->line[c->line_len++] = buf[i];
	}
	if (n <= 0) {
		line_done(c);
		(void)close(steal_fd(&c->err));
	}
}

/* Gives it more of the mail; closes its input after the last byte, or when it listens no more. */
static void feed(struct child *c, struct slice *mail)
{
	ssize_t n = mail->n ? write(c->in, mail->p, mail->n) : 0;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0)
		*mail = slice_from(*mail, (size_t)n);
	if (n < 0 || mail->n == 0)
		(void)close(steal_fd(&c->in));
}

static bool ended(struct child *c, int *ret_status)
{
	pid_t pid;

	do {
		pid = waitpid(c->pid, ret_status, WNOHANG);
	} while (pid < 0 && errno == EINTR);
	return pid != 0;
}

/* True once it ended by itself; false where it had to be killed. */
static bool attend(struct child *c, struct slice *body, const struct transport_mail *mail,
		   uint64_t deadline, int *ret_status)
{
	/* Short at first, since most end at once and no descriptor tells of it. */
	int wait = 5;

	for (;;) {
		struct pollfd fds[2] = {{.fd = c->in, .events = POLLOUT},
					{.fd = c->err, .events = POLLIN}};

		if (ended(c, ret_status))
			return true;
		if (now_usec() > deadline || (mail->alive && !mail->alive(mail->userdata))) {
			(void)kill(-c->pid, SIGKILL);
			while (waitpid(c->pid, ret_status, 0) < 0 && errno == EINTR)
				;
			return false;
		}
		if (poll(fds, 2, wait) <= 0) {
			wait = wait * 2 > TICK_MSEC ? TICK_MSEC : wait * 2;
			continue;
		}
		if (c->in >= 0 && fds[0].revents)
			feed(c, body);
		if (c->err >= 0 && fds[1].revents)
			listen_to(c);
	}
}

/* What an exit status says, after sysexits.h. */
static const char *meaning(int status)
{
	switch (status) {
	case EX_NOUSER:
		return " (EX_NOUSER: see To=)";
	case EX_TEMPFAIL:
		return " (EX_TEMPFAIL)";
	case EX_NOPERM:
		return " (EX_NOPERM: see EnvelopeFrom=)";
	default:
		return " (see its log)";
	}
}

static void judge(const char *path, const struct child *c, struct slice left, bool by_itself,
		  int status, struct transport_result *ret)
{
	if (by_itself && WIFEXITED(status) && WEXITSTATUS(status) == 0 && left.n == 0) {
		ret->outcome = TRANSPORT_SENT;
		(void)snprintf(ret->reply, sizeof(ret->reply), "%s took it", path);
		(void)snprintf(ret->text, sizeof(ret->text), "%s", ret->reply);
		return;
	}
	ret->outcome = left.n == 0 && (!by_itself || WIFSIGNALED(status)) ? TRANSPORT_IN_DOUBT
									  : TRANSPORT_DEFERRED;
	if (!by_itself)
		(void)snprintf(ret->text, sizeof(ret->text),
			       "%s did not end in time (see its log, and Timeout=)", path);
	else if (WIFSIGNALED(status))
		(void)snprintf(ret->text, sizeof(ret->text), "%s was ended by signal %d", path,
			       WTERMSIG(status));
	else
		(void)snprintf(ret->text, sizeof(ret->text), "%s gave exit status %d%s%s%s", path,
			       WEXITSTATUS(status), meaning(WEXITSTATUS(status)),
			       c->last[0] ? ": " : "", c->last);
}

void sendmail_send(const char *path, uint64_t timeout_usec, const struct transport_mail *mail,
		   struct transport_result *ret)
{
	AUTO_BUFFER struct buffer body = BUFFER_INIT(mail->bytes.n);
	struct child c = {.in = -1, .err = -1};
	uint64_t deadline;
	bool by_itself;
	struct slice left;
	int r, status = 0;

	memset(ret, 0, sizeof(*ret));
	ret->outcome = TRANSPORT_DEFERRED;
	r = to_local_lines(mail->bytes, &body);
	if (r == 0 && mail->before_data)
		r = mail->before_data(mail->userdata);
	if (r == 0)
		r = spawn(path, mail, &c);
	if (r < 0) {
		(void)snprintf(ret->text, sizeof(ret->text), "%s cannot be run: %s (see Server=)",
			       path, strerror(-r));
		return;
	}
	deadline = now_usec();
	deadline = timeout_usec > UINT64_MAX - deadline ? UINT64_MAX : deadline + timeout_usec;
	left = buffer_slice(&body);
	by_itself = attend(&c, &left, mail, deadline, &status);
	if (c.err >= 0) {
		struct pollfd fd = {.fd = c.err, .events = POLLIN};

		while (c.err >= 0 && poll(&fd, 1, LAST_WORDS_MSEC) > 0)
			listen_to(&c);
		line_done(&c);
	}
	if (c.in >= 0)
		(void)close(c.in);
	if (c.err >= 0)
		(void)close(c.err);
	judge(path, &c, left, by_itself, status, ret);
}
