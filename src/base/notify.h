/*
 * The protocol of sd_notify(3): one datagram to $NOTIFY_SOCKET. The sender does not link
 * libsystemd.
 */
#pragma once

#include <stdint.h>

/*
 * Sends @format, e.g. "READY=1\nSTATUS=…". Does not wait for a receiver whose queue is full
 * (-EAGAIN), but five seconds for "READY=1". 0 also if nobody asked (NOTIFY_SOCKET unset);
 * -errno of socket(2) or sendto(2), -EAFNOSUPPORT where it names no AF_UNIX socket, -E2BIG over 511
 * bytes.
 */
int notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Connects to the socket, which the process may not be allowed to later. 0 also if NOTIFY_SOCKET is
 * unset; -errno of socket(2) or connect(2), -EAFNOSUPPORT.
 */
int notify_connect(void);

/*
 * Half of WATCHDOG_USEC, in microseconds: how often "WATCHDOG=1" is due. 0: no watchdog, or it is
 * meant for another process (WATCHDOG_PID).
 */
uint64_t notify_watchdog_usec(void);
