/*
 * Fuzz target: what display_append() lets through is valid UTF-8 on one line that it leaves alone
 * when asked again, and JSON strings hold no control character.
 */
#include <stdint.h>

#include "base/cleanup.h"
#include "text/display.h"

#define INPUT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static void check_safe(struct slice s)
{
	for (size_t at = 0; at < s.n;) {
		uint32_t c;

		at += display_decode(slice_from(s, at), &c);
		check(c != DISPLAY_INVALID && c >= 0x20 && !(c >= 0x7f && c < 0xa0));
		check(c != 0x200b && c != 0x202e && c != 0x2028 && c != 0xfeff);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUFFER struct buffer once = BUFFER_INIT(8 * INPUT_MAX);
	AUTO_BUFFER struct buffer twice = BUFFER_INIT(8 * INPUT_MAX);
	AUTO_FREE char *json = malloc(DISPLAY_JSON_MAX(size));
	struct slice text, input = {(const char *)data, size};

	if (size > INPUT_MAX)
		return 0;
	check(display_append(&once, input) == 0);
	check_safe(buffer_slice(&once));
	check(display_width(buffer_slice(&once)) <= 2 * once.len);
	check(display_append(&twice, buffer_slice(&once)) == 0);
	check(slice_eq(buffer_slice(&once), buffer_slice(&twice)));
	check(json != NULL);
	text = (struct slice){json, (size_t)(display_put_json(json, input) - json)};
	check_safe(text);
	check(text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"');
	return 0;
}
