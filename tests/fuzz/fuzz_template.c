/* Templates: what is checked is what is expanded, and the output is bounded by its parts. */
#include <stdlib.h>

#include "text/message/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct slice none[TEMPLATE_VARIABLES];
	struct slice text = {(const char *)data, size};
	AUTO_BUFFER struct buffer out = BUFFER_INIT(1 << 20);
	struct error err;

	if (template_check(text, "body", 1, &err) != 0 && (err.line == 0 || err.column == 0))
		abort();
	/* Without values nothing is added to what is written. */
	if (template_expand(text, none, &out) == 0 && out.len > size)
		abort();
	return 0;
}
