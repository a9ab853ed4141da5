/*
 * /var/tmp, not /tmp: what a mail server has not accepted must survive a reboot. Nobody but the
 * owner can change names in a directory of mode 0700, so that it can be removed by path.
 */
#include "command/temporary_state.h"

#include <errno.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define TEMPLATE "/var/tmp/loginbell-XXXXXX"
#define SENDER	 "loginbell-deliver"
#define DEPTH	 8 /* descriptors that nftw(3) may use */

int temporary_state_make(struct temporary_state *ret, enum temporary_owner owner)
{
	const struct passwd *sender =
		owner == TEMPORARY_SENDER && geteuid() == 0 ? getpwnam(SENDER) : NULL;

	_Static_assert(sizeof(TEMPLATE) <= sizeof(ret->path), "a name must fit");
	memcpy(ret->path, TEMPLATE, sizeof(TEMPLATE));
	if (!mkdtemp(ret->path)) {
		int r = -errno;

		ret->path[0] = '\0';
		return r;
	}
	if (sender && chown(ret->path, sender->pw_uid, sender->pw_gid) < 0) {
		int r = -errno;

		(void)temporary_state_remove(ret);
		return r;
	}
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	(void)remove(path);
	return 0;
}

void temporary_state_remove(struct temporary_state *t)
{
	if (t->path[0])
		(void)nftw(t->path, remove_one, DEPTH, FTW_DEPTH | FTW_PHYS);
	t->path[0] = '\0';
}
