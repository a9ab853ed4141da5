/*
 * A position is stored only when every alert up to it is durable, so that of the ledger's last
 * alert will do as well: what is read again after it either was no alert, or is one that the ledger
 * lacks. A ledger without alerts was made before the first position was stored; then its age says
 * when reading began.
 */
#include "command/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/timetext.h"
#include "store/ledger/reader.h"

/* The older of a file's birth, if that is known, and its last change; 0: there is no file. */
static uint64_t file_usec(int dirfd, const char *name)
{
	struct statx st;
	uint64_t born, changed;

	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_MTIME | STATX_BTIME, &st) < 0)
		return 0;
	changed = (uint64_t)st.stx_mtime.tv_sec * USEC_PER_SEC + st.stx_mtime.tv_nsec / 1000;
	if (!(st.stx_mask & STATX_BTIME))
		return changed;
	born = (uint64_t)st.stx_btime.tv_sec * USEC_PER_SEC + st.stx_btime.tv_nsec / 1000;
	return born < changed ? born : changed;
}

static int look(void *userdata, const struct alert *a)
{
	struct position *last = userdata;

	if (a->position.n == 0 || (a->kind != ALERT_LOGIN && a->kind != ALERT_FORGED))
		return 0;
	buffer_clear(&last->text);
	last->time_usec = a->time_usec;
	return buffer_append_slice(&last->text, a->position);
}

int recover_position(int dirfd, bool ledger_new, struct position *ret)
{
	int r = ledger_new ? 0 : ledger_each(dirfd, look, ret, NULL);

	if (r < 0)
		return r;
	if (ret->text.len == 0)
		ret->time_usec = file_usec(dirfd, ledger_new ? POSITION_NAME : LEDGER_NAME);
	if (!buffer_cstr(&ret->text))
		return -ENOMEM;
	return ret->text.len > 0 || ret->time_usec > 0;
}
