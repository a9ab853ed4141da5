/* A message's subject and text: UTF-8, safe to show. Private to text/message. */
#pragma once

#include "text/message/summary.h"
#include "text/message/writer.h"

void body_write_subject(struct writer *w, const struct summary *s);

/* Lines end with LF. */
void body_write(struct writer *w, const struct summary *s);
