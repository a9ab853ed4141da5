/*
 * A file is replaced by writing another beside it and renaming that over it; the descriptor of the
 * directory is fsync(2)ed, so that the name is as durable as the bytes. The temporary file has a
 * fixed name, since every file has one writer: what a crash left behind is removed by the next
 * replacement, also where it belongs to root.
 *
 * Root gives itself up before it makes a file in a directory that is somebody else's. After
 * setresuid(2) the kernel marks the process as not dumpable, and /proc/self then belongs to root;
 * it is made dumpable again, so that the process may read what is its own. It holds no secret
 * at that moment: no password is read before the state is open.
 */
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/number.h"

#define STATE_DEFAULT  "/var/lib/loginbell"
#define FILE_MODE      0640
#define DIRECTORY_MODE 0750

static int write_new(int dirfd, const char *name, struct slice content)
{
	AUTO_CLOSE int fd = openat(dirfd, name,
				   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	int r;

	if (fd < 0)
		return -errno;
	/* The umask may have taken the group's right away. */
	if (fchmod(fd, FILE_MODE) < 0)
		return -errno;
	r = io_write_all(fd, content.p, content.n);
	if (r < 0)
		return r;
	return fsync(fd) < 0 ? -errno : 0;
}

int file_replace(int dirfd, const char *name, struct slice content)
{
	char temporary[NAME_MAX + 1];
	int r;

	if (name[0] == '\0' || strchr(name, '/'))
		return -EINVAL;
	r = snprintf(temporary, sizeof(temporary), "%s" FILE_TEMPORARY_SUFFIX, name);
	if (r < 0 || (size_t)r >= sizeof(temporary))
		return -ENAMETOOLONG;
	if (unlinkat(dirfd, temporary, 0) < 0 && errno != ENOENT)
		return -errno;
	r = write_new(dirfd, temporary, content);
	if (r == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dirfd, temporary, 0);
		return r;
	}
	return fsync(dirfd) < 0 ? -errno : 0;
}

int file_load(int dirfd, const char *name, struct buffer *ret)
{
	buffer_clear(ret);
	return io_read_file_at(dirfd, name, ret);
}

/* Makes @path with what is missing above it. */
static int make_directories(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(part))
		return -ENAMETOOLONG;
	for (size_t i = 1; i <= n; i++) {
		if (i < n && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, DIRECTORY_MODE) < 0 && errno != EEXIST && access(part, F_OK) < 0)
			return -errno;
	}
	return 0;
}

/*
 * What mkdir(2) leaves to do: the mode without the umask; the default directory, made by root,
 * belongs to the service's user, where there is one; and all new names are made durable.
 */
static int finish_directory(const char *path, int fd)
{
	const struct passwd *user = getpwnam("loginbell");
	const struct group *group = getgrnam("adm");

	if (fchmod(fd, DIRECTORY_MODE) < 0)
		return -errno;
	if (geteuid() == 0 && strcmp(path, STATE_DEFAULT) == 0 && user &&
	    fchown(fd, user->pw_uid, group ? group->gr_gid : user->pw_gid) < 0)
		return -errno;
	return syncfs(fd) < 0 ? -errno : 0;
}

#define GROUPS_LIMIT 256 /* of a process; more of the user's are left out */

/* The user's own groups, those that may read logs, and the directory's as the primary one. */
static int become(uid_t uid, gid_t gid)
{
	static const char *const names[] = {"systemd-journal", "adm"};
	const struct passwd *user = getpwuid(uid);
	gid_t groups[GROUPS_LIMIT];
	int n = GROUPS_LIMIT - (int)ARRAY_SIZE(names);

	/* More groups than fit: the first ones. A uid without a name has none of its own. */
	if (!user || (getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0 && n <= 0))
		n = 0;
	if (n > GROUPS_LIMIT - (int)ARRAY_SIZE(names))
		n = GROUPS_LIMIT - (int)ARRAY_SIZE(names);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct group *group = getgrnam(names[i]);

		if (group)
			groups[n++] = group->gr_gid;
	}
	if (setgroups((size_t)n, groups) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static int fault(struct error *err, const char *path, const char *what, int r)
{
	error_set(err, path, 0, 0, "%s: %s", what, strerror(-r));
	return r;
}

int file_open_state(const char *path, bool create, int *ret_dirfd, struct error *err)
{
	AUTO_CLOSE int fd = -1;
	bool made = false;
	struct stat st;
	int r;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && create) {
		r = make_directories(path);
		if (r < 0)
			return fault(err, path, "cannot make the state directory", r);
		made = true;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return fault(err, path, "cannot open the state directory", -errno);
	if (made) {
		r = finish_directory(path, fd);
		if (r < 0)
			return fault(err, path, "cannot make the state directory", r);
	}
	if (fstat(fd, &st) < 0)
		return fault(err, path, "cannot open the state directory", -errno);
	if (create && geteuid() == 0 && st.st_uid != 0) {
		r = become(st.st_uid, st.st_gid);
		if (r < 0)
			return fault(err, path, "cannot become the owner of the state directory",
				     r);
	}
	if (faccessat(fd, ".", create ? R_OK | W_OK | X_OK : R_OK | X_OK, AT_EACCESS) < 0) {
		r = -errno;
		error_set(err, path, 0, 0,
			  "cannot %s the state directory as uid %u: %s; it belongs to uid %u",
			  create ? "write to" : "read", (unsigned)geteuid(), strerror(-r),
			  (unsigned)st.st_uid);
		return r;
	}
	*ret_dirfd = steal_fd(&fd);
	return 0;
}

static int state_path(int access_mode, struct buffer *ret)
{
	const char *systemd = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	size_t start = ret->len;
	int r;

	if (systemd && systemd[0] != '\0' && systemd[0] != ':')
		return buffer_append(ret, systemd, strcspn(systemd, ":"));
	if (geteuid() == 0 || faccessat(AT_FDCWD, STATE_DEFAULT, access_mode, AT_EACCESS) == 0)
		return buffer_append_str(ret, STATE_DEFAULT);
	/* The XDG Base Directory Specification: a relative path is ignored. */
	if (xdg && xdg[0] == '/') {
		r = buffer_append_str(ret, xdg);
		if (r == 0)
			r = buffer_append_str(ret, "/loginbell");
	} else {
		if (!home || home[0] != '/') {
			const struct passwd *user = getpwuid(geteuid());

			home = user ? user->pw_dir : "";
		}
		r = buffer_append_str(ret, home);
		if (r == 0)
			r = buffer_append_str(ret, "/.local/state/loginbell");
	}
	if (r < 0)
		ret->len = start;
	return r;
}

int file_state_path(struct buffer *ret)
{
	return state_path(R_OK | W_OK | X_OK, ret);
}

int file_state_path_shown(struct buffer *ret)
{
	return state_path(R_OK | X_OK, ret);
}

static pid_t read_pid(int fd)
{
	char text[24];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	uint64_t pid;

	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n <= 0 || number_parse_u64((struct slice){text, (size_t)n}, INT_MAX, &pid) < 0)
		return 0;
	return (pid_t)pid;
}

int file_lock(int dirfd, const char *name, int *ret_fd, pid_t *ret_pid)
{
	AUTO_CLOSE int fd = openat(dirfd, name,
				   O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, FILE_MODE);
	char text[24];
	int n;

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK) {
			*ret_pid = read_pid(fd);
			return FILE_E_LOCKED;
		}
		if (errno != EINTR)
			return -errno;
	}
	/* The pid is there to be told; a full disk must not keep the lock from being taken. */
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) == 0)
		(void)io_pwrite_all(fd, text, (size_t)n, 0);
	*ret_fd = steal_fd(&fd);
	return 0;
}

bool file_lock_held(int dirfd, const char *name, pid_t *ret_pid)
{
	AUTO_CLOSE int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);

	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return false;
	*ret_pid = read_pid(fd);
	return true;
}
