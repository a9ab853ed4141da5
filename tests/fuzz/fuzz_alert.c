/* Whatever is read as an alert is written as a block that reads and writes as the same. */
#include <stdlib.h>

#include "text/alert.h"

#define MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUFFER struct buffer storage = BUFFER_INIT(MAX), again = BUFFER_INIT(MAX);
	AUTO_BUFFER struct buffer first = BUFFER_INIT(MAX), second = BUFFER_INIT(MAX);
	struct alert a;

	if (alert_read((struct slice){(const char *)data, size}, &storage, &a) < 0)
		return 0;
	if (alert_write(&a, &first) < 0)
		return 0;
	if (alert_read(buffer_slice(&first), &again, &a) < 0 || alert_write(&a, &second) < 0 ||
	    !slice_eq(buffer_slice(&first), buffer_slice(&second)))
		abort();
	return 0;
}
