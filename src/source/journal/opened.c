#include "source/journal/opened.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/number.h"

#define STEP 64

int opened_list(const struct live *live, struct opened_file **ret, size_t *ret_n)
{
	AUTO_FREE struct opened_file *list = NULL;
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	struct stat st;
	size_t n = 0;
	uint64_t fd;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (number_parse_u64(slice_of(entry->d_name), INT_MAX, &fd) < 0 ||
		    live_holds(live, (int)fd) || fstat((int)fd, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (n % STEP == 0) {
			struct opened_file *more = reallocarray(list, n + STEP, sizeof(*list));

			if (!more) {
				(void)closedir(dir);
				return -ENOMEM;
			}
			list = more;
		}
		list[n++] = (struct opened_file){(int)fd, st.st_dev, st.st_ino};
	}
	(void)closedir(dir);
	*ret = STEAL_PTR(list);
	*ret_n = n;
	return 0;
}

bool opened_has(const struct opened_file *list, size_t n, dev_t dev, ino_t ino)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].ino == ino && list[i].dev == dev)
			return true;
	return false;
}
