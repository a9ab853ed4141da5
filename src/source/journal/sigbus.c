/*
 * As systemd's own programs do, the handler maps a page of zeros over the one that is gone, so that
 * libsystemd continues until its caller checks the note. The note is a global, since a signal
 * handler has no other argument.
 */
#include "source/journal/sigbus.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile sig_atomic_t seen;
static uintptr_t page_size;

static void on_sigbus(int number, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(page_size - 1);

	(void)context;
	if (info->si_code == BUS_ADRERR && page != 0 &&
	    mmap((void *)page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != MAP_FAILED) {
		seen = 1;
		return;
	}
	/* The instruction runs again, and the default action ends the process. */
	(void)signal(number, SIG_DFL);
}

void journal_sigbus_guard(void)
{
	struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};

	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGBUS, &sa, NULL);
}

bool journal_sigbus_seen(void)
{
	return seen != 0;
}

void journal_sigbus_forget(void)
{
	seen = 0;
}
