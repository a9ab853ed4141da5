/*
 * sd_journal_open(3) skips files that it may not read, and an empty result looks like a quiet host.
 * So each file is opened here first.
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

#include "base/cleanup.h"
#include "source/journal/machine.h"
#include "source/source.h"

#define SPARE_FILES 24 /* descriptors that are not journal files */

bool journal_access_is_file(const char *name)
{
	struct slice stem = slice_of(name);

	(void)slice_skip_end(&stem, "~");
	return slice_skip_end(&stem, ".journal") && stem.n > 0;
}

/*
 * The group that may read it: that of journald, or of systemd-journal-remote. In a container the
 * host's group may have no name, or its name belong to another group; then it is the number.
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
 * Counts the journal files in @path, and in its subdirectories down to @depth, and tries to open
 * each. What does not exist, or is no directory, counts 0 unless it is @required.
 */
static int check_directory(const char *path, int depth, bool required, unsigned *count,
			   struct error *err)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		if ((errno == ENOENT || errno == ENOTDIR) && !required)
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
					 entry->d_type == DT_LNK))
			r = check_directory(name, depth - 1, false, count, err);
	}
	(void)closedir(dir);
	return r;
}

/* sd_journal silently skips files for which it has no descriptor left. */
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

/* Checks and counts the files of @directory, or if it is NULL, of this machine. */
static int check_all(const char *directory, unsigned *count, struct error *err)
{
	int r = 0;

	*count = 0;
	if (directory)
		r = check_directory(directory, 1, true, count, err);
	for (size_t i = 0; i < JOURNAL_ROOTS && !directory && r == 0; i++) {
		char path[JOURNAL_MACHINE_PATH];

		journal_machine_directory((enum journal_root)i, path);
		r = check_directory(path, 0, false, count, err);
	}
	return r == 0 ? check_limit(*count, directory, err) : r;
}

int journal_access_check(const char *directory, struct error *err)
{
	char machine[JOURNAL_MACHINE_ID];
	unsigned count;
	int r = check_all(directory, &count, err), no_id = journal_machine_id(machine);

	if (r != 0 || count > 0)
		return r;
	if (directory)
		error_set(err, directory, 0, 0, "holds no journal files");
	else if (no_id)
		/* If the file exists, the error is -ENOMEDIUM, -ENOPKG, … */
		error_set(err, "/etc/machine-id", 0, 0,
			  "%s; the journal is found by the machine ID, or name its directory with "
			  "--directory",
			  no_id == -ENOENT || no_id == -EACCES ? strerror(-no_id)
							       : "holds no machine ID");
	else
		error_set(err, NULL, 0, 0,
			  "no journal files in /var/log/journal/%s or /run/log/journal/%s", machine,
			  machine);
	return SOURCE_E_UNREADABLE;
}

int journal_access_again(const char *directory)
{
	unsigned count;

	return check_all(directory, &count, NULL) == 0 ? 0 : -EACCES;
}
