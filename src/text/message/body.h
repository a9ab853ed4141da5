/* A mail's subject and text, as prose in UTF-8 that is safe to show. Private to text/message. */
#pragma once

#include "text/message/summary.h"
#include "text/message/writer.h"

void mail_write_subject(struct writer *w, const struct mail *m);

/* Lines end with LF. */
void mail_write_body(struct writer *w, const struct mail *m);
