/* Reads what text/message/compose must not: the template's file and the host's names. */
#include "deliver/content.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "deliver/state.h"
#include "store/config_file.h"
#include "text/message/compose.h"

static void read_body(const struct config_destination *dest, struct buffer *ret)
{
	struct error err;
	int r = config_file_read_body(dest, ret, &err);

	/* An alert in another form is better than none. */
	if (r < 0)
		log_error("%s: %s; the built-in text is used", err.file, err.text);
}

struct hash128 content_settings(const struct config *config, const struct config_destination *dest)
{
	AUTO_BUFFER struct buffer body = BUFFER_INIT(CONFIG_TEXT_MAX);

	read_body(dest, &body);
	return compose_fingerprint(config, dest, buffer_slice(&body));
}

int content_compose(struct spool_message *o, const struct batch *batch, const struct config *config,
		    const struct config_destination *dest, struct hostname *h, const char *note,
		    uint64_t now_usec)
{
	AUTO_BUFFER struct buffer body = BUFFER_INIT(CONFIG_TEXT_MAX);
	char sequence[512];
	struct message_options options = {
		.config = config,
		.destination = dest,
		.only_to = o->one_rcpt ? o->rcpts[0].addr : NULL,
		.host = h->host,
		.fqdn = hostname_fqdn(h),
		.note = note,
		.style = o->style,
		.now_usec = now_usec,
		.test = !batch,
		.sequence = o->sequence > 0 ? sequence : NULL,
	};

	(void)snprintf(sequence, sizeof(sequence), "%s %s %" PRIu64, o->ledger_id,
		       destination_name(dest->name), o->sequence);
	read_body(dest, &body);
	options.body_template = buffer_slice(&body);
	o->config = compose_fingerprint(config, dest, options.body_template);
	buffer_clear(&o->mail);
	return compose_message(batch ? batch->alerts : NULL, batch ? batch->n : 0, &options,
			       &o->mail, o->message_id);
}
