/*
 * The header that a syslog daemon, or journalctl, writes before a message in a log file.
 */
#pragma once

#include <stdint.h>

#include "base/slice.h"
#include "text/syslog_time.h"

struct syslog_header {
	uint64_t realtime_usec; /* 0: the line has no readable time */
	struct slice host;	/* absent if the form has none */
	struct slice program;	/* "sshd" */
	struct slice pid;	/* digits; absent if the line has none */
	struct slice message;	/* everything after the header */
};

enum syslog_header_e {
	SYSLOG_HEADER_E_NONE = 1, /* no header of a known form */
};

/*
 * Reads the header of @line (without its newline; a CR at the end is not part of the message).
 * Forms: RFC 3164 ("Nov  3 04:05:06 host prog[pid]: "), RFC 3339 time instead
 * ("2026-11-23T04:05:06.123456+01:00 host prog[pid]: "), RFC 5424 ("<38>1 … - [sd] "), busybox
 * ("Nov  3 04:05:06 host auth.info prog[pid]: ", also without the host), OpenWrt ("Mon Nov  3
 * 04:05:06 2026 auth.info prog[pid]: "), FreeBSD and syslog-ng ("<auth.info>", "<4.6>" before or
 * after the host, a year before the month), socklog ("auth.info: " before it, and svlogd's time),
 * metalog ("Nov  3 04:05:06 [prog] "), and what journalctl prints with -o short, short-*, and
 * with-unit (there @program is the unit: "ssh.service"). A "<PRI>" before any of them is skipped,
 * so is Solaris' "[ID 800047 auth.notice] " after them. @clock serves to infer the year of
 * RFC 3164, which is never later than a day from now. Times without a zone are local
 * (localtime_r(3); who changes TZ calls tzset(3)); a zone by name is known if it is UTC or the
 * local one, else the time is not; nor is it where the month is in another language.
 * 0 or SYSLOG_HEADER_E_NONE.
 */
int syslog_header_parse(struct slice line, struct syslog_clock *clock, struct syslog_header *ret);
