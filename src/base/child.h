/*
 * Child processes: the one place that forks. The programs have no threads, so a child may call any
 * function between fork(2) and execve(2).
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define CHILD_INHERIT (-1) /* this process's own */
#define CHILD_NULL    (-2) /* /dev/null */

struct child_options {
	const char *const
		*paths; /* of the program: the first that can be executed; NULL-terminated */
	const char *const *argv;
	int stdio[3];	    /* a descriptor of this process, CHILD_INHERIT or CHILD_NULL, each */
	int death_signal;   /* sent to it when this process ends; 0: none */
	bool keep_signals;  /* blocked signals stay blocked, ignored ones ignored */
	bool process_group; /* it leads a new process group */
	/* Called in the child before execve(2). 0; else -errno, which child_start() returns. */
	int (*prepare)(void *userdata);
	void *userdata;
};

/*
 * Starts a program. 0 and *ret, for child_wait() or child_kill(); -errno of pipe2(2), fork(2),
 * dup2(2), execve(2) or prepare().
 */
int child_start(const struct child_options *o, pid_t *ret);

/*
 * As fork(2): the child's process ID, 0 in the child, which gets @death_signal (0: none) when this
 * process ends; -errno.
 */
pid_t child_fork(int death_signal);

/* Waits until it exits. 0 and *ret_status (may be NULL), as of waitpid(2); -errno. */
int child_wait(pid_t pid, int *ret_status);

/* Kills it with SIGKILL, and waits until it exits. */
void child_kill(pid_t pid);
