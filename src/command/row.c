/* display_append() escapes what comes from a log before it reaches a terminal. */
#include "command/row.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "text/display.h"

size_t row_columns(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col
										     : 0;
}

int row_column(struct buffer *row, struct slice s, size_t width)
{
	size_t begin = row->len, shown;
	int r = display_append(row, s.n ? s : SLICE_LITERAL("-"));

	if (r < 0)
		return r;
	shown = display_width(slice_from(buffer_slice(row), begin));
	while (r == 0 && shown++ < width + 2)
		r = buffer_append_char(row, ' ');
	/* A value that is too wide is still separated from the next one. */
	if (r == 0 && row->data[row->len - 1] != ' ')
		r = buffer_append_str(row, "  ");
	return r;
}

void row_print_safe(struct slice s)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(65536);

	if (display_append(&text, s) == 0 && text.len > 0)
		(void)fwrite(text.data, 1, text.len, stdout);
}

void row_print_destination(const char *name)
{
	printf("[Mail%s", name[0] ? " \"" : "");
	row_print_safe(slice_of(name));
	printf("%s]", name[0] ? "\"" : "");
}

void row_print(const struct buffer *text, size_t columns, const char *colour)
{
	struct slice row = buffer_slice(text);

	while (row.n > 0 && row.p[row.n - 1] == ' ')
		row.n--;
	if (columns > 1 && display_width(row) > columns) {
		do {
			row.n--;
			while (row.n > 0 && ((unsigned char)row.p[row.n] & 0xc0) == 0x80)
				row.n--;
		} while (display_width(row) > columns - 1);
	}
	(void)fputs(colour, stdout);
	(void)fwrite(row.p, 1, row.n, stdout);
	if (*colour)
		(void)fputs("\033[0m", stdout);
	(void)putchar_unlocked('\n');
}
