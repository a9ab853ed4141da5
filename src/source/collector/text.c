#include "source/collector/text.h"

#include <errno.h>
#include <inttypes.h>

#include "base/number.h"
#include "source/source.h"

static const char owned[] = "collector ";
static const char head[] = "collector until=";
static const char record_head[] = "collector host=";

bool collector_text_owns(struct slice text)
{
	return slice_starts_with(text, owned);
}

int collector_text_format_head(uint64_t until_usec, size_t hosts, struct buffer *ret)
{
	return buffer_printf(ret, "%s%" PRIu64 " hosts=%zu:", head, until_usec, hosts);
}

int collector_text_format_host(const char *name, struct slice place, struct buffer *ret)
{
	int r = buffer_printf(ret, " %zu:%s %zu:", strlen(name), name, place.n);

	return r < 0 ? r : buffer_append_slice(ret, place);
}

int collector_text_format_record(const char *name, struct slice place, struct buffer *ret)
{
	int r = buffer_append_str(ret, record_head);

	return r < 0 ? r : collector_text_format_host(name, place, ret);
}

/* Cuts a number and @end off the left. */
static bool cut_number(struct slice *s, char end, uint64_t *ret)
{
	const char *at = memchr(s->p, end, s->n);

	if (!at || number_parse_u64((struct slice){s->p, (size_t)(at - s->p)}, UINT64_MAX, ret) < 0)
		return false;
	*s = slice_from(*s, (size_t)(at - s->p) + 1);
	return true;
}

/* Cuts " N:" and N bytes off the left. */
static bool cut_text(struct slice *s, struct slice *ret)
{
	uint64_t n;

	if (!slice_skip(s, " ") || !cut_number(s, ':', &n) || n > s->n)
		return false;
	*ret = (struct slice){s->p, (size_t)n};
	*s = slice_from(*s, (size_t)n);
	return true;
}

int collector_text_parse(struct slice text, struct collector_text *ret, struct error *err)
{
	struct collector_text t = {.rest = text};

	if (slice_skip(&t.rest, record_head)) {
		t.record = true;
		t.hosts = 1;
	} else if (!slice_skip(&t.rest, head) || !cut_number(&t.rest, ' ', &t.until_usec) ||
		   !slice_skip(&t.rest, "hosts=") || !cut_number(&t.rest, ':', &t.hosts)) {
		error_set(err, NULL, 0, 0, "the position of the collector cannot be parsed");
		return SOURCE_E_POSITION;
	}
	*ret = t;
	return 0;
}

int collector_text_next(struct collector_text *t, struct slice *ret_name, struct slice *ret_place)
{
	if (t->n == t->hosts)
		return t->rest.n > 0 ? -EINVAL : 0;
	t->n++;
	return cut_text(&t->rest, ret_name) && cut_text(&t->rest, ret_place) ? 1 : -EINVAL;
}
