/* Clean-up by attribute: a variable marked AUTO_x is released at the end of its scope. */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(func) __attribute__((cleanup(func)))

static inline void auto_free_cleanup(void *p)
{
	free(*(void **)p);
}

static inline void auto_close_cleanup(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#define AUTO_FREE  CLEANUP(auto_free_cleanup)
#define AUTO_CLOSE CLEANUP(auto_close_cleanup)

/* The pointer; the variable becomes NULL, so that its AUTO_x frees nothing. */
#define STEAL_PTR(p)                                                                               \
	__extension__({                                                                            \
		__typeof__(p) steal_ptr_ = (p);                                                    \
		(p) = NULL;                                                                        \
		steal_ptr_;                                                                        \
	})

/* The same for a file descriptor, which becomes -1. */
static inline int steal_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
