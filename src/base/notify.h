/*
 * The protocol of sd_notify(3): one datagram to $NOTIFY_SOCKET. The sender does not link
 * libsystemd.
 */
#pragma once

#include <stdint.h>

/*
 * Sends @format, such as "READY=1\nSTATUS=…". If the receiver's queue is full, it waits up to five
 * seconds for "READY=1", and else returns -EAGAIN. 0, also if NOTIFY_SOCKET is unset; -errno of
 * socket(2) or sendto(2), -EAFNOSUPPORT if it names no AF_UNIX socket, -E2BIG over 511 bytes.
 */
int notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Half of WATCHDOG_USEC: how often "WATCHDOG=1" is due. 0: no watchdog, or that of another process
 * (WATCHDOG_PID).
 */
uint64_t notify_watchdog_usec(void);
