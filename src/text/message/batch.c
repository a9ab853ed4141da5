/* An alert is copied by way of its text form, so that no field can be forgotten here. */
#include "text/message/batch.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

void batch_truncate(struct batch *b, size_t n)
{
	while (b->n > n)
		buffer_done(&b->storage[--b->n]);
}

void batch_done(struct batch *b)
{
	batch_truncate(b, 0);
	free(b->alerts);
	free(b->storage);
	*b = (struct batch){0};
}

static int grow(struct batch *b)
{
	size_t cap = b->cap ? b->cap * 2 : 16;
	struct buffer *storage;
	struct alert *alerts;

	alerts = reallocarray(b->alerts, cap, sizeof(*alerts));
	if (!alerts)
		return -ENOMEM;
	b->alerts = alerts;
	storage = reallocarray(b->storage, cap, sizeof(*storage));
	if (!storage)
		return -ENOMEM;
	b->storage = storage;
	b->cap = cap;
	return 0;
}

int batch_add(struct batch *b, const struct alert *a)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(ALERT_BLOCK_MAX);
	struct buffer *storage;
	int r;

	if (b->n == b->cap) {
		r = grow(b);
		if (r < 0)
			return r;
	}
	r = alert_write(a, &text);
	if (r < 0)
		return r;
	if (b->n > 0 && b->bytes + text.len > BATCH_BYTES_MAX)
		return 0;
	storage = &b->storage[b->n];
	*storage = (struct buffer)BUFFER_INIT(ALERT_BLOCK_MAX);
	r = alert_read(buffer_slice(&text), storage, &b->alerts[b->n]);
	if (r < 0) {
		buffer_done(storage);
		return r;
	}
	b->bytes += text.len;
	b->n++;
	return 1;
}
