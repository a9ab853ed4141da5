/*
 * Whatever is read as a state file's fields is written as a file that reads and writes as the same.
 * The checksums are right, so that what is behind them is reached.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "store/delivery_file.h"
#include "store/fields.h"
#include "store/spool.h"

#define MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int frame(struct buffer *ret, const char *magic, struct slice body, const char *last)
{
	size_t begin = ret->len;
	int r = buffer_printf(ret, "%s\n", magic);

	if (r == 0)
		r = buffer_append_slice(ret, body);
	if (r == 0)
		r = buffer_append_str(ret, last);
	return r < 0 ? r : fields_add_crc(ret, begin);
}

/* Reads a text and writes it again. False: it cannot be read. */
static bool rewrite(const struct buffer *text, struct buffer *ret)
{
	AUTO_DELIVERY struct delivery *d = NULL;
	struct error err;

	return delivery_read(buffer_slice(text), &d, &err) == 0 && delivery_write(d, ret) == 0;
}

/* What contradicts itself (an alert that is dropped and held) is settled by the first two readings.
 */
static void try_delivery(struct slice body)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(MAX), first = BUFFER_INIT(2 * MAX);
	AUTO_BUFFER struct buffer second = BUFFER_INIT(2 * MAX), third = BUFFER_INIT(2 * MAX);

	if (frame(&text, "LOGINBELL_DELIVERY=1", body, "") < 0 || !rewrite(&text, &first))
		return;
	if (!rewrite(&first, &second) || !rewrite(&second, &third) ||
	    !slice_eq(buffer_slice(&second), buffer_slice(&third)))
		abort();
}

static void try_spool(struct slice body)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(MAX), first = BUFFER_INIT(MAX);
	AUTO_BUFFER struct buffer second = BUFFER_INIT(MAX);
	AUTO_SPOOL_MESSAGE struct spool_message *o = NULL, *again = NULL;
	struct error err;

	/* 2363233923 is the CRC of "x". */
	if (buffer_append_str(&text, "IN_DOUBT=0\n") < 0 ||
	    frame(&text, "LOGINBELL_MESSAGE=1", body, "MESSAGE_CRC=2363233923\n") < 0 ||
	    buffer_append_str(&text, "\nx") < 0 ||
	    spool_read(buffer_slice(&text), "fuzz", &o, &err) != 0 || spool_write(o, &first) < 0)
		return;
	if (spool_read(buffer_slice(&first), "fuzz", &again, &err) != 0 ||
	    spool_write(again, &second) < 0 ||
	    !slice_eq(buffer_slice(&first), buffer_slice(&second)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice body = {(const char *)data, size};

	try_delivery(body);
	try_spool(body);
	return 0;
}
