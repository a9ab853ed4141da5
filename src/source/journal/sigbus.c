/*
 * As systemd's own programs do: the handler maps a page of zeros over the one that is gone, so that
 * the code that touched it runs on to where the note is looked at. A signal has no other place for
 * the note than a global.
 */
#include "source/journal/sigbus.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile sig_atomic_t faulted;
static uintptr_t page_size;

static void on_sigbus(int number, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(page_size - 1);

	(void)context;
	if (info->si_code == BUS_ADRERR && page != 0 &&
	    mmap((void *)page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != MAP_FAILED) {
		faulted = 1;
		return;
	}
	/* The instruction is run again, and the process ends as it would have. */
	(void)signal(number, SIG_DFL);
}

void journal_fault_guard(void)
{
	struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};

	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGBUS, &sa, NULL);
}

bool journal_fault_seen(void)
{
	return faulted != 0;
}

void journal_fault_forget(void)
{
	faulted = 0;
}
