/*
 * Lines: "CRC=<8 hex digits>" of what follows without its last newline, the position itself, and
 * what is kept with it, where there is anything.
 */
#include "store/position.h"

#include <errno.h>

#include "base/hash.h"
#include "base/number.h"
#include "store/file.h"

#define CRC_KEY	 "CRC="
#define CRC_LINE (sizeof(CRC_KEY) - 1 + 8 + 1)

#define TEXT_MAX (CRC_LINE + POSITION_MAX + 1 + POSITION_KEPT_MAX + 1)

static bool is_line(struct slice s)
{
	return s.n == 0 || !memchr(s.p, '\n', s.n);
}

int position_save(int dirfd, struct slice position, struct slice kept)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(TEXT_MAX);
	uint32_t crc;
	int r;

	if (position.n == 0 || !is_line(position) || !is_line(kept))
		return -EINVAL;
	if (position.n > POSITION_MAX || kept.n > POSITION_KEPT_MAX)
		return -E2BIG;
	crc = hash_crc32(0, position.p, position.n);
	if (kept.n > 0)
		crc = hash_crc32(hash_crc32(crc, "\n", 1), kept.p, kept.n);
	r = buffer_printf(&text, CRC_KEY "%08x\n", (unsigned)crc);
	if (r == 0)
		r = buffer_append_slice(&text, position);
	if (r == 0 && kept.n > 0)
		r = buffer_append_char(&text, '\n');
	if (r == 0)
		r = buffer_append_slice(&text, kept);
	if (r == 0)
		r = buffer_append_char(&text, '\n');
	return r < 0 ? r : file_replace(dirfd, POSITION_NAME, buffer_slice(&text));
}

static int damaged(struct error *err, const char *what)
{
	error_set(err, POSITION_NAME, 0, 0, "the position is damaged: %s", what);
	return POSITION_E_DAMAGED;
}

int position_load(int dirfd, struct buffer *ret, struct buffer *ret_kept, struct error *err)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(TEXT_MAX);
	struct slice all, position, kept = {NULL, 0};
	uint64_t crc;
	const char *end;
	int r;

	buffer_clear(ret);
	if (ret_kept)
		buffer_clear(ret_kept);
	r = file_load(dirfd, POSITION_NAME, &text);
	if (r == -ENOENT)
		return POSITION_E_NONE;
	if (r == -E2BIG)
		return damaged(err, "it is too long");
	if (r < 0) {
		error_set(err, POSITION_NAME, 0, 0, "cannot read the position: %s", strerror(-r));
		return r;
	}
	if (text.len <= CRC_LINE)
		return damaged(err, "it is too short");
	all = position = slice_from(buffer_slice(&text), CRC_LINE);
	end = memchr(position.p, '\n', position.n);
	if (end) {
		position.n = (size_t)(end - position.p);
		kept = slice_from(all, position.n + 1);
	}
	if (position.n > POSITION_MAX)
		return damaged(err, "it is too long");
	r = buffer_append_slice(ret, position);
	if (r < 0)
		return r;
	all.n--;
	if (all.p[all.n] != '\n' || (kept.n > 0 && memchr(kept.p, '\n', kept.n - 1)))
		return damaged(err, "its end is not where it should be");
	if (!slice_starts_with(buffer_slice(&text), CRC_KEY) || text.data[CRC_LINE - 1] != '\n' ||
	    number_parse_hex((struct slice){text.data + sizeof(CRC_KEY) - 1, 8}, UINT32_MAX, &crc) <
		    0 ||
	    crc != hash_crc32(0, all.p, all.n))
		return damaged(err, "its checksum is wrong");
	if (!ret_kept || kept.n == 0)
		return 0;
	kept.n--;
	return buffer_append_slice(ret_kept, kept);
}
