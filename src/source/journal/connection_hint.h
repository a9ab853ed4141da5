/*
 * A hint that somebody connects to sshd. sshd is executed for each connection, and inotify(7)
 * reports, also to an unprivileged process, that its executable was opened. journald notifies
 * readers up to 250 ms after it wrote an entry, although the entry can be read at once; so the
 * journal is polled often for a short time after a connection.
 */
#pragma once

/*
 * A descriptor that does not block and becomes readable when sshd or Dropbear is executed. -errno
 * of inotify_init1(2).
 */
int connection_hint_open(void);

/*
 * Reads what is pending, also of other watches: 1 if somebody connected, else 0. Executables that
 * were replaced, as by an upgrade, are watched again.
 */
int connection_hint_drain(int fd);
