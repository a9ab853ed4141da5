/* Compressed segments: rotations that were compressed before they were read. */
#pragma once

#include "source/logfile/segments.h"

#define COMPRESSED_WHY 128

/* Why a compressed file was not read, of unpack_end()'s result; may lie in @storage. */
const char *compressed_why(enum compression compression, int fault, char storage[COMPRESSED_WHY]);

/* After the last line of the first segment, which is compressed. Whether it added a gap. */
bool compressed_end(struct segments *s);

/* Whether a compressed file is queued that may be any file, because it cannot be unpacked. */
bool compressed_have_unknown(const struct segments *s);

/* Whether the content of a compressed file is whole and shorter than @n bytes. */
bool compressed_is_short(const struct open_file *file, uint64_t n);
