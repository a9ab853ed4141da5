#include "source/journal/opened.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/number.h"

/* The next descriptor of this process that @live does not hold; -1: there is none. */
static int next_fd(DIR *dir, const struct live *live)
{
	struct dirent *entry;
	uint64_t fd;

	while ((entry = readdir(dir)))
		if (number_parse_u64(slice_of(entry->d_name), INT_MAX, &fd) == 0 &&
		    !live_holds(live, (int)fd))
			return (int)fd;
	return -1;
}

int opened_count(const struct live *live, size_t *ret)
{
	DIR *dir = opendir("/proc/self/fd");

	if (!dir)
		return -errno;
	*ret = 0;
	while (next_fd(dir, live) >= 0)
		(*ret)++;
	(void)closedir(dir);
	return 0;
}

int opened_list(const struct live *live, struct opened_file **ret, size_t *ret_n)
{
	DIR *dir = opendir("/proc/self/fd");
	struct opened_file *list = NULL;
	size_t n = 0, room = 0;
	struct stat st;
	int fd;

	if (!dir)
		return -errno;
	while ((fd = next_fd(dir, live)) >= 0) {
		if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (n == room) {
			struct opened_file *more;

			room = room ? 2 * room : 64;
			more = reallocarray(list, room, sizeof(*list));
			if (!more) {
				free(list);
				(void)closedir(dir);
				return -ENOMEM;
			}
			list = more;
		}
		list[n++] = (struct opened_file){fd, st.st_dev, st.st_ino};
	}
	(void)closedir(dir);
	*ret = list;
	*ret_n = n;
	return 0;
}
