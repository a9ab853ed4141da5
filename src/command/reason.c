/* Text of a record is copied as it was logged; whoever prints it escapes it. */
#include "command/reason.h"

#include <inttypes.h>

int reason_not_allowed(const struct verdict *v, size_t rules, struct slice fault,
		       struct buffer *ret)
{
	int r;

	switch (v->refusal) {
	case WHITELIST_REFUSAL_AMBIGUOUS:
		r = buffer_append_str(ret,
				      "the address could be read at more than one place of "
				      "the message, so no rule may allow it");
		break;
	case WHITELIST_REFUSAL_MATCH_LIMIT:
		r = buffer_printf(ret,
				  "the expression at %s:%u ran into its limit, and no other rule "
				  "allows it",
				  v->refusal_file, v->refusal_line);
		break;
	case WHITELIST_REFUSAL_CUT:
		r = buffer_printf(ret,
				  "the message was cut at its end, so the rule at %s:%u cannot "
				  "hold, and no other allows it",
				  v->refusal_file, v->refusal_line);
		break;
	default:
		r = buffer_append_str(ret, rules == 0 ? "there is no whitelist"
						      : "no rule of the whitelist allows it");
		break;
	}
	if (r == 0 && fault.n > 0)
		r = buffer_printf(ret, "; a newer whitelist is faulty and not in force: %.*s",
				  (int)fault.n, fault.p);
	return r;
}

int reason_forged(const struct record *r, struct buffer *ret)
{
	int n = (int)r->comm.n;

	if (!r->uid_known)
		return buffer_append_str(
			ret, "the record carries no user ID, so nobody knows who wrote it");
	if (r->uid == 0 && !r->comm.p)
		return buffer_append_str(ret,
					 "it came from the standard output of a command that "
					 "ran as root, not from sshd");
	if (r->uid == 0)
		return buffer_printf(ret,
				     "it was written by the command \"%.*s\" as root, not by sshd",
				     n, r->comm.p);
	if (!r->comm.p)
		return buffer_printf(ret, "it was written by user id %" PRIu64 ", not by sshd",
				     r->uid);
	return buffer_printf(ret,
			     "it was written by user id %" PRIu64
			     " (command \"%.*s\"), not by "
			     "sshd",
			     r->uid, n, r->comm.p);
}
