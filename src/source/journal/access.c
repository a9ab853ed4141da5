/*
 * sd_journal_open(3) skips files that it may not read, and an empty result would look like a quiet
 * host. So each file is opened here first.
 */
#include "source/journal/access.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>

#include "base/cleanup.h"
#include "source/source.h"

#define SPARE_FILES 24 /* descriptors that are not journal files */

bool journal_access_is_file(const char *name)
{
	size_t n = strlen(name);

	return (n > 8 && strcmp(name + n - 8, ".journal") == 0) ||
	       (n > 9 && strcmp(name + n - 9, ".journal~") == 0);
}

/*
 * The group that may read it: that of journald, or of systemd-journal-remote. In a container the
 * host's group may have no name, and the group of that name be another one: then its number.
 */
static void group_of(const char *path, char *ret, size_t size)
{
	struct group *group = NULL;
	struct stat st = {0};

	if (stat(path, &st) == 0 && (st.st_mode & S_IRGRP) && st.st_gid != 0)
		group = getgrgid(st.st_gid);
	else
		st.st_gid = 0;
	if (st.st_gid != 0 && !group)
		(void)snprintf(ret, size, "%u", (unsigned)st.st_gid);
	else
		(void)snprintf(ret, size, "%s", group ? group->gr_name : "systemd-journal");
}

static int unreadable(const char *path, int error, struct error *err)
{
	char group[LOGIN_NAME_MAX];

	if (error == EACCES || error == EPERM) {
		group_of(path, group, sizeof(group));
		error_set(err, path, 0, 0,
			  "not readable: %s; add the user to group %s, or run as root",
			  strerror(error), group);
	} else
		error_set(err, path, 0, 0, "cannot be read: %s", strerror(error));
	return SOURCE_E_UNREADABLE;
}

/*
 * Counts the journal files in @path, and in its subdirectories where @depth allows, and tries to
 * read each. A directory that does not exist counts 0 unless @required.
 */
static int check_directory(const char *path, int depth, bool required, unsigned *count,
			   struct error *err)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		if (errno == ENOENT && !required)
			return 0;
		return unreadable(path, errno, err);
	}
	while (r == 0 && (entry = readdir(dir))) {
		char name[PATH_MAX];

		if (entry->d_name[0] == '.' || (size_t)snprintf(name, sizeof(name), "%s/%s", path,
								entry->d_name) >= sizeof(name))
			continue;
		if (journal_access_is_file(entry->d_name)) {
			AUTO_CLOSE int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

			if (fd >= 0)
				(*count)++;
			else if (errno != ENOENT) /* rotated away meanwhile */
				r = unreadable(name, errno, err);
		} else if (depth > 0 && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN ||
					 entry->d_type == DT_LNK)) {
			struct error ignored;
			int k = check_directory(name, depth - 1, false, count, &ignored);

			if (k != 0 && !strstr(ignored.text, strerror(ENOTDIR))) {
				*err = ignored;
				r = k;
			}
		}
	}
	(void)closedir(dir);
	return r;
}

/*
 * sd_journal leaves out files that it may not open for want of descriptors, and says nothing.
 */
static int check_limit(unsigned count, const char *name, struct error *err)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || count + SPARE_FILES <= limit.rlim_cur)
		return 0;
	error_set(err, name, 0, 0,
		  "%u journal files, but this process may open only %llu files at a time; raise "
		  "its limit (ulimit -n, LimitNOFILE=)",
		  count, (unsigned long long)limit.rlim_cur);
	return SOURCE_E_UNREADABLE;
}

static int machine_id(char ret[SD_ID128_STRING_MAX], struct error *err)
{
	sd_id128_t id;
	int r = sd_id128_get_machine(&id);

	if (r >= 0) {
		(void)sd_id128_to_string(id, ret);
		return 0;
	}
	/* For a file that is there sd_id128_get_machine(3) gives -ENOMEDIUM, -ENOPKG, … */
	error_set(err, "/etc/machine-id", 0, 0,
		  "%s; the journal is found by the machine ID, or name its directory with "
		  "--directory",
		  r == -ENOENT || r == -EACCES ? strerror(-r) : "holds no machine ID");
	return SOURCE_E_UNREADABLE;
}

/*
 * Counts the files of @directory, or of this machine's @machine where it is NULL; reads each. A
 * journald that was started without an ID ("") writes into the roots themselves.
 */
static int check_all(const char *directory, const char *machine, unsigned *count, struct error *err)
{
	static const char *const roots[] = {"/var/log/journal", "/run/log/journal"};
	int r = 0;

	*count = 0;
	if (directory)
		r = check_directory(directory, 1, true, count, err);
	for (size_t i = 0; i < ARRAY_SIZE(roots) && !directory && r == 0; i++) {
		char path[PATH_MAX];

		(void)snprintf(path, sizeof(path), "%s%s%s", roots[i], *machine ? "/" : "",
			       machine);
		r = check_directory(path, 0, false, count, err);
	}
	return r == 0 ? check_limit(*count, directory, err) : r;
}

int journal_access_check(const char *directory, struct error *err)
{
	char machine[SD_ID128_STRING_MAX] = "";
	struct error without_id;
	unsigned count;
	int r, no_id = directory ? 0 : machine_id(machine, &without_id);

	r = check_all(directory, machine, &count, err);
	if (r != 0 || count > 0)
		return r;
	if (no_id)
		*err = without_id;
	else if (directory)
		error_set(err, directory, 0, 0, "holds no journal files");
	else
		error_set(err, NULL, 0, 0,
			  "no journal files in /var/log/journal/%s or /run/log/journal/%s", machine,
			  machine);
	return SOURCE_E_UNREADABLE;
}

int journal_access_again(const char *directory)
{
	char machine[SD_ID128_STRING_MAX] = "";
	struct error err;
	unsigned count;

	if (!directory)
		(void)machine_id(machine, &err);
	return check_all(directory, machine, &count, &err) == 0 ? 0 : -EACCES;
}
