/* Two lines: "CRC=<8 hex digits> of the second", and the position itself. */
#include "store/position.h"

#include <errno.h>

#include "base/hash.h"
#include "base/number.h"
#include "store/file.h"

#define CRC_KEY	 "CRC="
#define CRC_LINE (sizeof(CRC_KEY) - 1 + 8 + 1)

int position_save(int dirfd, struct slice position)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(CRC_LINE + POSITION_MAX + 1);
	int r;

	if (position.n == 0 || memchr(position.p, '\n', position.n))
		return -EINVAL;
	r = buffer_printf(&text, CRC_KEY "%08x\n", (unsigned)hash_crc32(0, position.p, position.n));
	if (r == 0)
		r = buffer_append_slice(&text, position);
	if (r == 0)
		r = buffer_append_char(&text, '\n');
	return r < 0 ? r : file_replace(dirfd, POSITION_NAME, buffer_slice(&text));
}

static int damaged(struct error *err, const char *what)
{
	error_set(err, POSITION_NAME, 0, 0, "the position is damaged: %s", what);
	return POSITION_E_DAMAGED;
}

int position_load(int dirfd, struct buffer *ret, struct error *err)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(CRC_LINE + POSITION_MAX + 1);
	struct slice position;
	uint64_t crc;
	const char *end;
	int r;

	buffer_clear(ret);
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
	position = slice_from(buffer_slice(&text), CRC_LINE);
	end = memchr(position.p, '\n', position.n);
	if (end)
		position.n = (size_t)(end - position.p);
	r = buffer_append_slice(ret, position);
	if (r < 0)
		return r;
	if (!end || CRC_LINE + position.n + 1 != text.len)
		return damaged(err, "its end is not where it should be");
	if (!slice_starts_with(buffer_slice(&text), CRC_KEY) || text.data[CRC_LINE - 1] != '\n' ||
	    number_parse_hex((struct slice){text.data + sizeof(CRC_KEY) - 1, 8}, UINT32_MAX, &crc) <
		    0 ||
	    crc != hash_crc32(0, position.p, position.n))
		return damaged(err, "its checksum is wrong");
	return 0;
}
