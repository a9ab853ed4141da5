/*
 * One reader at a time: the lock is held until the process ends, and the kernel releases it however
 * that happens.
 */
#include "command/reader_state.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "command/options.h"
#include "store/state.h"

#define LOCK_TRIES 100 /* 20 ms each */

/*
 * A process that was killed may leave a child that has not yet executed its program, and which
 * holds the lock until then.
 */
static int lock(struct reader_state *s)
{
	const struct timespec pause = {0, 20000000};
	pid_t holder = 0;
	int r;

	for (unsigned tries = 0;; tries++) {
		r = state_lock(s->dirfd, STATE_READER, &s->lock_fd, &holder);
		if (r != STATE_E_LOCKED || tries == LOCK_TRIES || holder > 0)
			break;
		(void)nanosleep(&pause, NULL);
	}
	if (r == 0)
		return STATUS_DONE;
	if (r == STATE_E_LOCKED) {
		log_notice("%s: another loginbell is running (pid %d)", s->path.data, (int)holder);
		return STATUS_LOCKED;
	}
	log_error("%s: cannot be locked: %s", s->path.data, strerror(-r));
	return STATUS_FAILED;
}

static void report(const struct error *err)
{
	log_error_struct(LOG_ERR, err);
}

int reader_state_open(struct reader_state *s, const char *path)
{
	struct error err = {0};
	int r;

	*s = (struct reader_state){.path = BUFFER_INIT(PATH_MAX), .dirfd = -1, .lock_fd = -1};
	r = path ? buffer_append_str(&s->path, path)
		 : state_path(STATE_READER, STATE_WRITE, &s->path);
	if (r < 0 || !buffer_cstr(&s->path)) {
		log_error("the state directory's name: %s", strerror(r < 0 ? -r : ENOMEM));
		return STATUS_FAILED;
	}
	if (state_open(s->path.data, STATE_READER, STATE_WRITE, &s->dirfd, &err) < 0) {
		log_error_struct(LOG_ERR, &err);
		return STATUS_FAILED;
	}
	state_check(s->path.data, STATE_READER, s->dirfd, report);
	return lock(s);
}

void reader_state_done(struct reader_state *s)
{
	state_unlock(s->dirfd, STATE_READER, s->lock_fd);
	if (s->dirfd >= 0)
		(void)close(s->dirfd);
	buffer_done(&s->path);
}
