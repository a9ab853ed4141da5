/*
 * A position is stored only when every alert up to it is durable, so the position of the ledger's
 * last alert will do as well: what is read again behind it either was no alert, or is one that the
 * ledger lacks. A ledger without alerts was made before the first position was stored; then its age
 * says when reading began.
 */
#include "command/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/timetext.h"
#include "command/session.h"
#include "store/ledger/reader.h"
#include "store/position.h"

/* The older of a file's birth, where that is known, and its last change; 0: there is no file. */
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

/* Of the last alert of a record: 1, 0 where there is none, -errno. */
static int last_alert(int dirfd, struct buffer *ret, uint64_t *ret_usec)
{
	struct ledger_reader *reader = NULL;
	struct alert a;
	int r;

	r = ledger_reader_open(dirfd, 0, &reader, NULL);
	if (r < 0)
		return r;
	while ((r = ledger_reader_next(reader, &a)) > 0) {
		if (r == LEDGER_E_REPLACED || a.position.n == 0 ||
		    (a.kind != ALERT_LOGIN && a.kind != ALERT_FORGED))
			continue;
		buffer_clear(ret);
		*ret_usec = a.time_usec;
		r = buffer_append_slice(ret, a.position);
		if (r < 0)
			break;
	}
	(void)ledger_reader_free(reader);
	return r < 0 ? r : ret->len > 0;
}

int recover_position(int dirfd, bool ledger_new, struct buffer *ret, uint64_t *ret_usec)
{
	uint64_t usec;
	int r = 0;

	buffer_clear(ret);
	if (!ledger_new)
		r = last_alert(dirfd, ret, ret_usec);
	if (r != 0)
		return r;
	usec = file_usec(dirfd, ledger_new ? POSITION_NAME : LEDGER_NAME);
	if (usec == 0)
		return 0;
	*ret_usec = usec;
	r = buffer_printf(ret, SESSION_POSITION_TIME "%" PRIu64, usec);
	return r < 0 ? r : 1;
}
