/*
 * A hint that somebody connects to sshd: it is executed anew for each connection, and inotify(7)
 * tells that its executable was opened, also to a process without privileges. journald tells its
 * readers of a new entry up to 250 ms late; the entry itself can be read at once. So for a short
 * time after a connection it is worth looking often.
 */
#pragma once

#include <stdint.h>

/* A non-blocking descriptor that becomes readable when sshd or Dropbear is executed; -1: none. */
int connection_watch(void);

/* Takes what the descriptor has to say: 1 if somebody connected, else 0. Executables that were
 * replaced, as by an upgrade, are watched anew. */
int connection_happened(int fd);
