/*
 * A block ends with a CRC line and an empty line; no value has a newline, so neither can occur
 * inside one. The scan looks for the CRC line: if the separator after it is damaged, the blocks
 * before and after it are both still found. A piece without a CRC line ends at the next empty line
 * and is damaged. A piece that is longer than any block is skipped to the next empty line.
 *
 * The file is read while it is written to. Bytes at its end that make no whole block are not kept:
 * the writer may cut them off and write others in their place, so they are read again each time.
 * For the same reason a block is reported as damaged only if a second reading finds the same bytes:
 * one read(2) may see a page from before such a cut, and the next from after it.
 */
#include "store/ledger/format.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/hash.h"
#include "store/fields.h"
#include "text/alert.h"

#define MAGIC	       "LOGINBELL_LEDGER="
#define VERSION	       "1"
#define FIRST_KEY      "KIND="
#define SEPARATOR      2  /* "\n\n" behind them */
#define SMALLEST_BLOCK 32 /* no alert's block is as short */

int ledger_header_write(const struct ledger_header *h, struct buffer *ret)
{
	struct fields_writer w;
	int r;

	fields_begin(&w, ret, MAGIC VERSION);
	fields_add(&w, "ID", "%s", h->id);
	fields_add(&w, "FIRST_SEQ", "%" PRIu64, h->first_seq);
	r = fields_end(&w);
	return r < 0 ? r : buffer_append_char(ret, '\n');
}

bool ledger_header_is(struct slice body)
{
	return slice_starts_with(body, MAGIC);
}

static int read_id(struct slice id, char ret[LEDGER_ID_MAX])
{
	struct slice rest = id;
	struct hash128 unused;

	if (fields_hash(&rest, &unused) < 0)
		return -EINVAL;
	return fields_string(id, ret, LEDGER_ID_MAX);
}

int ledger_header_read(struct slice body, struct ledger_header *ret)
{
	struct slice first = fields_find(body, "FIRST_SEQ");
	struct ledger_header h = {0};

	if (!ledger_header_is(body))
		return -EINVAL;
	if (!slice_starts_with(body, MAGIC VERSION "\n"))
		return -EPROTONOSUPPORT;
	if (read_id(fields_find(body, "ID"), h.id) < 0 ||
	    fields_numbers(&first, 1, (uint64_t *[]){&h.first_seq}) < 0 || h.first_seq == 0)
		return -EINVAL;
	*ret = h;
	return 0;
}

void ledger_header_guess(struct slice piece, struct ledger_header *ret)
{
	struct slice id = fields_find(piece, "ID"), kind = fields_find(piece, "KIND");
	struct slice seq = fields_find(piece, "SEQ");

	memset(ret, 0, sizeof(*ret));
	/* An alert has an id too, but not before its KIND and SEQ. */
	if ((kind.p && kind.p < id.p) || (seq.p && seq.p < id.p) || read_id(id, ret->id) < 0)
		ret->id[0] = '\0';
}

int ledger_block_end(struct buffer *block, size_t start)
{
	int r = fields_add_crc(block, start);

	return r < 0 ? r : buffer_append_char(block, '\n');
}

int ledger_block_seq(struct slice body, uint64_t *ret)
{
	struct slice seq = fields_find(body, "SEQ");

	return seq.p && fields_numbers(&seq, 1, (uint64_t *[]){ret}) == 0 ? 0 : -EINVAL;
}

void ledger_reach_block(struct ledger_reach *r, uint64_t seq)
{
	if (seq > r->readable)
		r->readable = r->seq = seq;
}

void ledger_reach_damaged(struct ledger_reach *r, uint64_t bytes)
{
	if (__builtin_add_overflow(r->seq, 1 + bytes / SMALLEST_BLOCK, &r->seq))
		r->seq = UINT64_MAX;
}

void ledger_scan_init(struct ledger_scan *s, int fd)
{
	*s = (struct ledger_scan){.fd = fd, .window = BUFFER_INIT(ALERT_BLOCK_MAX)};
}

void ledger_scan_done(struct ledger_scan *s)
{
	buffer_done(&s->window);
}

void ledger_scan_seek(struct ledger_scan *s, uint64_t offset)
{
	s->offset = offset;
	s->at = s->window.len = 0;
}

uint64_t ledger_scan_offset(const struct ledger_scan *s)
{
	return s->offset + s->at;
}

/* Reads on behind the window, having dropped what is done with. 1; 0 at the end; -errno. */
static int fill(struct ledger_scan *s)
{
	struct buffer *w = &s->window;
	size_t rest = w->len - s->at, want = rest < LEDGER_WINDOW ? LEDGER_WINDOW - rest : rest;
	ssize_t n;
	int r;

	if (s->at > 0 && rest > 0)
		memmove(w->data, w->data + s->at, rest);
	s->offset += s->at;
	s->at = 0;
	w->len = rest;
	if (want > w->max - rest)
		want = w->max - rest;
	r = buffer_reserve(w, want);
	if (r < 0)
		return r;
	do {
		n = pread(s->fd, w->data + rest, want, (off_t)(s->offset + rest));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	w->len += (size_t)n;
	return n > 0;
}

/* What was read of an unfinished block is forgotten; so is the memory that a long one took. */
static void forget(struct ledger_scan *s, uint64_t offset)
{
	ledger_scan_seek(s, offset);
	if (s->window.cap > LEDGER_WINDOW)
		buffer_done(&s->window);
}

struct piece {
	size_t body; /* bytes before the CRC line, or the empty line */
	size_t end;  /* where the next piece begins */
	bool crc_known;
	bool ended; /* "\n\n" follows the CRC's digits */
	uint32_t crc;
};

static bool find_crc(struct slice s, struct piece *ret)
{
	size_t at = 0;

	while (at < s.n) {
		const char *end = memchr(s.p + at, '\n', s.n - at);
		size_t n = end ? (size_t)(end - s.p) - at : s.n - at;

		ret->body = at;
		ret->crc_known = fields_is_crc((struct slice){s.p + at, n}, &ret->crc);
		ret->end = at + (ret->crc_known ? FIELDS_CRC_LINE : 1);
		if (ret->crc_known || (n == 0 && end))
			return true;
		at += n + 1;
	}
	return false;
}

/*
 * Finds the end of the piece that @s begins with; false where it cannot be known without reading
 * on. Of a damaged separator two bytes are stepped over, if a block begins right behind.
 */
static bool find_end(struct slice s, struct piece *ret)
{
	size_t after;

	ret->ended = false;
	if (!find_crc(s, ret))
		return false;
	after = ret->end;
	if (!ret->crc_known)
		return true;
	if (s.n < after + SEPARATOR)
		return false;
	if (memcmp(s.p + after, "\n\n", SEPARATOR) == 0) {
		ret->ended = true;
		ret->end = after + SEPARATOR;
		return true;
	}
	for (size_t i = 0; i <= SEPARATOR; i++) {
		struct slice next = slice_from(s, after + i);
		size_t n = next.n < strlen(FIRST_KEY) ? next.n : strlen(FIRST_KEY);

		if (memcmp(next.p, FIRST_KEY, n) != 0)
			continue;
		ret->end = after + i;
		return n == strlen(FIRST_KEY);
	}
	return true;
}

/* Whether a second reading gave the same bytes; if not, the window is to be read again. */
static bool confirmed(struct ledger_scan *s, struct slice piece)
{
	uint64_t offset = ledger_scan_offset(s);
	uint32_t crc = hash_crc32(0, piece.p, piece.n);

	if (s->doubt.offset == offset && s->doubt.len == piece.n && s->doubt.crc == crc)
		return true;
	s->doubt.offset = offset;
	s->doubt.len = piece.n;
	s->doubt.crc = crc;
	ledger_scan_seek(s, offset);
	return false;
}

static int skip_overlong(struct ledger_scan *s, struct slice *ret_body)
{
	uint64_t start = ledger_scan_offset(s);

	for (;;) {
		struct slice rest = slice_from(buffer_slice(&s->window), s->at);
		const char *end = memmem(rest.p, rest.n, "\n\n", SEPARATOR);
		int r;

		if (end) {
			s->at += (size_t)(end - rest.p) + SEPARATOR;
			s->piece_len = ledger_scan_offset(s) - start;
			s->unended_at = 0;
			*ret_body = (struct slice){"", 0};
			return LEDGER_SCAN_DAMAGED;
		}
		/* The last byte may be the first newline of two. */
		s->at = s->window.len - 1;
		r = fill(s);
		if (r <= 0) {
			forget(s, start);
			return r < 0 ? r : LEDGER_SCAN_END;
		}
	}
}

int ledger_scan_next(struct ledger_scan *s, struct slice *ret_body)
{
	uint64_t start = ledger_scan_offset(s);

	for (;;) {
		struct slice rest;
		struct piece piece;
		int r;

		while (s->at < s->window.len && s->window.data[s->at] == '\n')
			s->at++;
		rest = slice_from(buffer_slice(&s->window), s->at);
		if (find_end(rest, &piece)) {
			bool sound =
				piece.crc_known && hash_crc32(0, rest.p, piece.body) == piece.crc;

			if (!(sound && piece.ended) &&
			    !confirmed(s, (struct slice){rest.p, piece.end}))
				continue;
			s->unended_at =
				piece.crc_known && !piece.ended
					? ledger_scan_offset(s) + piece.body + FIELDS_CRC_LINE
					: 0;
			s->at += piece.end;
			s->piece_len = piece.end;
			*ret_body = (struct slice){rest.p, piece.body};
			return sound ? LEDGER_SCAN_BLOCK : LEDGER_SCAN_DAMAGED;
		}
		if (rest.n >= ALERT_BLOCK_MAX)
			return skip_overlong(s, ret_body);
		r = fill(s);
		if (r < 0)
			return r;
		if (r == 0) {
			forget(s, start);
			return LEDGER_SCAN_END;
		}
	}
}

int ledger_scan_unended(struct ledger_scan *s, struct slice *ret_body, size_t *ret_len)
{
	struct slice rest;
	struct piece piece;
	int r;

	do {
		r = s->window.len < ALERT_BLOCK_MAX ? fill(s) : 0;
	} while (r > 0);
	if (r < 0)
		return r;
	rest = buffer_slice(&s->window);
	if (!find_crc(rest, &piece) || !piece.crc_known ||
	    hash_crc32(0, rest.p, piece.body) != piece.crc)
		return 0;
	*ret_body = (struct slice){rest.p, piece.body};
	*ret_len = piece.end;
	return 1;
}
