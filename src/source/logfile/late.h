/* Late files: those that were left for the next one, and may still be written to. */
#pragma once

#include "source/logfile/path.h"

/* Returns to one that was written, and closes those whose time is over. 0, -errno. */
int late_look(struct segments *s, const struct path *path);

/* If @file is a late file: forgets it. The offset at which its reading stopped; 0: it was none. */
uint64_t late_forget(struct segments *s, const struct open_file *file);

/* When the next one is closed; as segments_now(). UINT64_MAX: none. */
uint64_t late_due(const struct segments *s);
