/* Room that is kept for the time when the disk is full. */
#pragma once

#include <stdbool.h>

#define RESERVE_NAME "reserve"
#define RESERVE_SIZE (1U << 20) /* bytes: some thousand alerts */

/* Makes the file, or makes it whole again. -errno; then there is as little of it as before. */
int reserve_keep(int dirfd);

/* Frees its room; false: there was none. */
bool reserve_release(int dirfd);

/* Whether an error says that there is no room. */
bool reserve_helps(int r);
