/*
 * While the disk is full the same records are read again and again; the ids of those that were
 * handed over are kept, so that each is mailed this way once. The text goes through memory that
 * has a descriptor (memfd_create(2)): nobody has to wait for the sender to read it.
 */
#include "command/handover.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "command/deliver_process.h"

#define TEXT_MAX (4U << 20) /* bytes of alerts in one go */
#define IDS_MAX	 4096	    /* alerts that are remembered */
#define ID_LEN	 32

struct handover {
	struct buffer text; /* blocks, an empty line behind each */
	struct buffer ids;  /* ID_LEN bytes each: mailed, then given to the sender, then in text */
	size_t mailed, given; /* bytes of ids */
	pid_t sender;	      /* 0: none runs */
};

struct handover *handover_new(void)
{
	struct handover *h = malloc(sizeof(*h));

	if (h)
		*h = (struct handover){
			.text = BUFFER_INIT(TEXT_MAX),
			.ids = BUFFER_INIT(IDS_MAX * ID_LEN),
		};
	return h;
}

struct handover *handover_free(struct handover *h)
{
	if (!h)
		return NULL;
	buffer_done(&h->text);
	buffer_done(&h->ids);
	free(h);
	return NULL;
}

/* Whether the alert is among the ids in the first @len bytes. */
static bool holds(const struct handover *h, size_t len, const struct alert *a)
{
	for (size_t at = 0; at < len; at += ID_LEN)
		if (memcmp(h->ids.data + at, a->id.p, ID_LEN) == 0)
			return true;
	return false;
}

bool handover_mailed(const struct handover *h, const struct alert *a)
{
	return holds(h, h->mailed, a);
}

int handover_add(struct handover *h, const struct alert *a)
{
	size_t text = h->text.len;
	int r;

	if (holds(h, h->ids.len, a))
		return 0;
	r = alert_write(a, &h->text);
	if (r == 0)
		r = buffer_append_char(&h->text, '\n');
	if (r == 0)
		r = buffer_append(&h->ids, a->id.p, ID_LEN);
	if (r < 0)
		h->text.len = text;
	return r;
}

void handover_send(struct handover *h, const struct options *options)
{
	AUTO_CLOSE int fd = -1;
	int r;

	if (h->sender || h->text.len == 0)
		return;
	fd = memfd_create("alerts", MFD_CLOEXEC);
	r = fd < 0 ? -errno : io_write_all(fd, h->text.data, h->text.len);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	buffer_clear(&h->text);
	if (r < 0)
		log_crit("alerts cannot be handed over: %s", strerror(-r));
	if (r == 0 && sender_start(SENDER_STDIN, options, NULL, fd, &h->sender) == STATUS_DONE)
		h->given = h->ids.len;
	else
		h->ids.len = h->given;
}

pid_t handover_sender(const struct handover *h)
{
	return h->sender;
}

void handover_ended(struct handover *h, int wait_status)
{
	h->sender = 0;
	if (sender_status(wait_status) == STATUS_DONE) {
		log_crit("alerts that the ledger could not take were mailed directly: %zu",
			 (h->given - h->mailed) / ID_LEN);
		h->mailed = h->given;
		return;
	}
	log_crit(
		"alerts that the ledger could not take were not mailed either; they are tried "
		"again");
	h->ids.len -= h->given - h->mailed;
	memmove(h->ids.data + h->mailed, h->ids.data + h->given, h->ids.len - h->mailed);
	h->given = h->mailed;
}
