/* The fields of a journal entry as a record, and who is trusted. */
#pragma once

#include "base/buffer.h"
#include "text/record.h"

/* journald's notice that it dropped messages of a unit (sd-messages.h). */
#define JOURNAL_MESSAGE_ID_DROPPED "a596d6fe7bfa4994828e72309e95d61e"

#define JOURNAL_DETAILS_MAX ((size_t)1 << 20) /* bytes of all fields that are copied */

struct sd_journal;

/* The value of "NAME=VALUE", whose name and "=" have @name bytes; cut at 64 KiB. */
struct slice journal_record_value(const void *data, size_t size, size_t name);

/*
 * Fills @r, whose kind is set, from the current entry of @j; all but realtime, position and
 * identity. The values are copied into @storage (cleared first), because those of sd_journal are
 * valid until its next call only. -errno of sd_journal_enumerate_available_data(3), -ENOMEM,
 * -E2BIG.
 */
int journal_record_fill(struct sd_journal *j, const char *const *programs, struct buffer *storage,
			struct record *r);
