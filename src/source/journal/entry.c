/*
 * All fields are copied in one pass over the entry, because sd_journal_get_data(3) searches the
 * entry again for each. If a field occurs twice, the first one counts; only journald can write the
 * trusted fields, whose names begin with "_".
 */
#include "source/journal/entry.h"

#include <stdio.h>
#include <systemd/sd-journal.h>

#include "base/number.h"

#define FIELD_MAX ((size_t)65536) /* bytes of a field that are read */

struct slice journal_record_value(const void *data, size_t size, size_t name)
{
	struct slice v = {(const char *)data + name, size - name};

	if (v.n > FIELD_MAX)
		v.n = FIELD_MAX;
	return v;
}

/* A value in the buffer, by offset while the buffer can still move. */
struct field {
	size_t at, n;
	bool set;
};

enum {
	F_MESSAGE,
	F_HOSTNAME,
	F_IDENTIFIER,
	F_COMM,
	F_UID,
	F_PID,
	F_SYSLOG_PID,
	F_DROPPED,
	F_MESSAGE_ID,
	F_TRANSPORT,
	F_SYSLOG_RAW,
	FIELDS
};

static int copy_fields(sd_journal *j, struct buffer *storage, struct field fields[FIELDS])
{
	static const char *const names[FIELDS] = {
		"MESSAGE=",    "_HOSTNAME=",  "SYSLOG_IDENTIFIER=", "_COMM=",
		"_UID=",       "_PID=",	      "SYSLOG_PID=",	    "N_DROPPED=",
		"MESSAGE_ID=", "_TRANSPORT=", "SYSLOG_RAW=",
	};
	const void *data;
	size_t size;
	int r;

	sd_journal_restart_data(j);
	while ((r = sd_journal_enumerate_available_data(j, &data, &size)) > 0) {
		for (size_t i = 0; i < FIELDS; i++) {
			size_t n = strlen(names[i]);
			struct slice v;

			if (fields[i].set || size < n || memcmp(data, names[i], n) != 0)
				continue;
			v = journal_record_value(data, size, n);
			fields[i] = (struct field){storage->len, v.n, true};
			r = buffer_append_slice(storage, v);
			if (r < 0)
				return r;
			break;
		}
	}
	return r;
}

static struct slice field_slice(const struct buffer *storage, const struct field *f)
{
	if (!f->set)
		return (struct slice){NULL, 0};
	return (struct slice){f->n ? storage->data + f->at : "", f->n};
}

static bool is_program(const char *const *programs, struct slice name)
{
	for (const char *const *p = programs; *p; p++)
		if (slice_eq_str(name, *p))
			return true;
	return false;
}

/* "Suppressed 12 messages from ssh.service": whether the unit is sshd's or one of the programs'.
 * journald names it in no field. */
static bool drop_is_ours(const char *const *programs, struct slice message)
{
	static const char from[] = " from ";
	const char *at = memmem(message.p, message.n, from, sizeof(from) - 1);
	struct slice unit;

	if (!at)
		return true;
	unit = slice_from(message, (size_t)(at - message.p) + sizeof(from) - 1);
	if (slice_starts_with(unit, "ssh"))
		return true;
	for (const char *const *p = programs; *p; p++)
		if (slice_starts_with(unit, *p))
			return true;
	return false;
}

/*
 * Whether sshd wrote it. A process that exits before journald reads /proc has no _COMM, which
 * happens to sshd's session processes; they log through syslog(3). A line on a standard output that
 * a user passed to sudo(8) has uid 0 too, and no _COMM if its command is short.
 */
static bool is_trusted(const char *const *programs, const struct record *r, struct slice transport)
{
	if (!r->uid_known || r->uid != 0)
		return false;
	if (r->comm.p)
		return is_program(programs, r->comm);
	return !slice_eq_str(transport, "stdout");
}

/* Anybody can write MESSAGE_ID, but only journald _TRANSPORT=driver. */
static void fill_dropped(const char *const *programs, struct record *r, struct slice transport,
			 struct slice message_id, struct slice dropped)
{
	r->trusted = slice_eq_str(transport, "driver") &&
		     slice_eq_str(message_id, JOURNAL_MESSAGE_ID_DROPPED) &&
		     drop_is_ours(programs, r->message);
	(void)number_parse_u64(dropped, UINT64_MAX, &r->count);
	r->reason = SLICE_LITERAL(
		"journald dropped messages of sshd (rate limit): logins among "
		"them are not known");
}

int journal_record_fill(struct sd_journal *j, const char *const *programs, struct buffer *storage,
			struct record *r)
{
	struct field fields[FIELDS] = {{0}};
	struct slice v[FIELDS];
	int k;

	buffer_clear(storage);
	k = copy_fields(j, storage, fields);
	if (k < 0)
		return k;
	for (size_t i = 0; i < FIELDS; i++)
		v[i] = field_slice(storage, &fields[i]);
	r->message = v[F_MESSAGE];
	r->host = v[F_HOSTNAME];
	r->comm = v[F_COMM];
	r->program = v[F_IDENTIFIER].p ? v[F_IDENTIFIER] : r->comm;
	r->uid_known = number_parse_u64(v[F_UID], UINT32_MAX, &r->uid) == 0;
	r->pid_known =
		number_parse_u64(v[F_PID].p ? v[F_PID] : v[F_SYSLOG_PID], INT32_MAX, &r->pid) == 0;
	r->source = SLICE_LITERAL("journal");
	r->authenticated = true;
	/* journald stripped blanks, and a cut message may look whole; the original is in
	 * SYSLOG_RAW. */
	r->trimmed = v[F_SYSLOG_RAW].p != NULL;
	r->trusted = is_trusted(programs, r, v[F_TRANSPORT]);
	if (r->kind == RECORD_DROPPED)
		fill_dropped(programs, r, v[F_TRANSPORT], v[F_MESSAGE_ID], v[F_DROPPED]);
	return 0;
}
