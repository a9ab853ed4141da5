/*
 * One poll(2) loop serves both pipes of the child, so that neither side can block the other. The
 * end of its input is the only sign that the message is complete: a child that has to be stopped
 * is killed before its input is closed, so that it never accepts half a message.
 */
#include "deliver/sendmail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "base/buffer.h"
#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#define TICK_MSEC	1000
#define LAST_LINES_MSEC 100 /* to read what a child wrote before it ended */

struct child {
	pid_t pid;
	int in, err;
	char line[400]; /* the unfinished line of its standard error */
	size_t line_len;
	char last[200]; /* the last complete one */
};

static void child_done(const struct child *c)
{
	auto_close_cleanup(&c->in);
	auto_close_cleanup(&c->err);
}

#define AUTO_CHILD CLEANUP(child_done)

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

static int start(const char *path, const struct transport_mail *mail, struct child *c)
{
	AUTO_FREE const char **argv = calloc(mail->n_rcpts + 6, sizeof(*argv));
	AUTO_CLOSE int in = -1, err = -1;
	struct child_options options = {
		.paths = (const char *const[]){path, NULL}, .argv = argv, .process_group = true};
	int fds[2];
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
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	in = fds[0];
	c->in = fds[1];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	c->err = fds[0];
	err = fds[1];
	(void)fcntl(c->in, F_SETFL, O_NONBLOCK);
	(void)fcntl(c->err, F_SETFL, O_NONBLOCK);
	options.stdio[0] = in;
	options.stdio[1] = CHILD_NULL;
	options.stdio[2] = err;
	return child_start(&options, &c->pid);
}

static void end_line(struct child *c)
{
	if (c->line_len == 0)
		return;
	c->line[c->line_len] = '\0';
	c->line_len = 0;
	log_warning("sendmail: %s", c->line);
	(void)snprintf(c->last, sizeof(c->last), "%.190s", c->line);
}

static void read_stderr(struct child *c)
{
	char buf[1024];
	ssize_t n = read(c->err, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n' || c->line_len == sizeof(c->line) - 1)
			end_line(c);
		if (buf[i] != '\n')
			c->line[c->line_len++] = buf[i];
	}
	if (n <= 0) {
		end_line(c);
		(void)close(steal_fd(&c->err));
	}
}

/* Closes the input after the last byte, and when the child has closed it. */
static void write_stdin(struct child *c, struct slice *left)
{
	ssize_t n = left->n ? write(c->in, left->p, left->n) : 0;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0)
		*left = slice_from(*left, (size_t)n);
	if (n < 0 || left->n == 0)
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

/* Serves the child until it ends: true. False if it had to be killed. */
static bool serve(struct child *c, struct slice *left, const struct transport_mail *mail,
		  uint64_t deadline, int *ret_status)
{
	/* No descriptor shows that a child has ended, and most end soon. */
	int wait = 5;

	for (;;) {
		struct pollfd fds[2] = {{.fd = c->in, .events = POLLOUT},
					{.fd = c->err, .events = POLLIN}};

		if (ended(c, ret_status))
			return true;
		if (clock_steady() > deadline || (mail->alive && !mail->alive(mail->userdata))) {
			(void)kill(-c->pid, SIGKILL);
			(void)child_wait(c->pid, ret_status);
			return false;
		}
		if (poll(fds, 2, wait) <= 0) {
			wait = wait * 2 > TICK_MSEC ? TICK_MSEC : wait * 2;
			continue;
		}
		if (c->in >= 0 && fds[0].revents)
			write_stdin(c, left);
		if (c->err >= 0 && fds[1].revents)
			read_stderr(c);
	}
}

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
		(void)snprintf(ret->reply, sizeof(ret->reply), "%s accepted it", path);
		(void)snprintf(ret->text, sizeof(ret->text), "%s", ret->reply);
		return;
	}
	ret->outcome = left.n == 0 && (!by_itself || WIFSIGNALED(status)) ? TRANSPORT_IN_DOUBT
									  : TRANSPORT_DEFERRED;
	if (!by_itself)
		(void)snprintf(ret->text, sizeof(ret->text),
			       "%s did not end in time (see its log, and Timeout=)", path);
	else if (WIFSIGNALED(status))
		(void)snprintf(ret->text, sizeof(ret->text), "%s was killed by signal %d", path,
			       WTERMSIG(status));
	else
		(void)snprintf(ret->text, sizeof(ret->text), "%s ended with exit status %d%s%s%s",
			       path, WEXITSTATUS(status), meaning(WEXITSTATUS(status)),
			       c->last[0] ? ": " : "", c->last);
}

void sendmail_send(const char *path, uint64_t timeout_usec, const struct transport_mail *mail,
		   struct transport_result *ret)
{
	AUTO_BUFFER struct buffer body = BUFFER_INIT(mail->bytes.n);
	AUTO_CHILD struct child c = {.in = -1, .err = -1};
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
		r = start(path, mail, &c);
	if (r < 0) {
		(void)snprintf(ret->text, sizeof(ret->text), "%s cannot be run: %s (see Server=)",
			       path, strerror(-r));
		return;
	}
	deadline = clock_steady();
	deadline = timeout_usec > UINT64_MAX - deadline ? UINT64_MAX : deadline + timeout_usec;
	left = buffer_slice(&body);
	by_itself = serve(&c, &left, mail, deadline, &status);
	if (c.err >= 0) {
		struct pollfd fd = {.fd = c.err, .events = POLLIN};

		while (c.err >= 0 && poll(&fd, 1, LAST_LINES_MSEC) > 0)
			read_stderr(&c);
		end_line(&c);
	}
	judge(path, &c, left, by_itself, status, ret);
}
