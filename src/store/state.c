/*
 * Locks are files of mode 0600: flock(2) needs only a descriptor, so whoever may open a lock file
 * may hold it for ever. Who runs is therefore in another file, with the start time and the boot
 * that distinguish a process from a later one of the same ID.
 *
 * Root becomes the owner of a part before it makes anything there, so that no file of root's stays.
 */
#include "store/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/number.h"
#include "store/file.h"

#define DIRECTORY_MODE 0750
#define FILE_MODE      0640
#define SECRET_MODE    0600
#define WRITABLE       0022 /* by others */
#define PID_MAX	       512  /* bytes of a .pid file */
#define BOOT_ID_MAX    40

static const char *const names[] = {[STATE_READER] = "reader", [STATE_DELIVER] = "deliver"};
static const char *const locks[] = {
	[STATE_READER] = "reader.lock", [STATE_DELIVER] = "sender.lock"};
static const char *const pids[] = {[STATE_READER] = "reader.pid", [STATE_DELIVER] = "sender.pid"};

const char *state_part_name(enum state_part part)
{
	return names[part];
}

/* ---- its path ---- */

static int append_environment(const char *directories, struct buffer *ret)
{
	struct slice path = {directories, strcspn(directories, ":")};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t n = strlen(names[i]);

		if (path.n > n + 1 && path.p[path.n - n - 1] == '/' &&
		    memcmp(path.p + path.n - n, names[i], n) == 0) {
			path.n -= n + 1;
			break;
		}
	}
	return buffer_append_slice(ret, path);
}

int state_path(enum state_part part, enum state_access access, struct buffer *ret)
{
	const char *systemd = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int mode = access == STATE_SHOW ? R_OK | X_OK : R_OK | W_OK | X_OK;
	char service[sizeof(STATE_DEFAULT) + 16];

	if (systemd && systemd[0] != '\0' && systemd[0] != ':')
		return append_environment(systemd, ret);
	(void)snprintf(service, sizeof(service), STATE_DEFAULT "/%s", names[part]);
	if (geteuid() == 0 || faccessat(AT_FDCWD, service, mode, AT_EACCESS) == 0)
		return buffer_append_str(ret, STATE_DEFAULT);
	/* The XDG Base Directory Specification: a relative path is ignored. */
	if (xdg && xdg[0] == '/')
		return buffer_printf(ret, "%s/loginbell", xdg);
	if (!home || home[0] != '/') {
		const struct passwd *user = getpwuid(geteuid());

		home = user ? user->pw_dir : "";
	}
	return buffer_printf(ret, "%s/.local/state/loginbell", home);
}

/* ---- its directories ---- */

/* Makes @path, and what is missing above it. */
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
		/* The umask may have removed rights. */
		if (i == n && chmod(part, DIRECTORY_MODE) < 0)
			return -errno;
	}
	return 0;
}

static int fault(struct error *err, const char *path, const char *what, int r)
{
	error_set(err, path, 0, 0, "%s: %s", what, strerror(-r));
	return r;
}

int state_become(enum state_part part, uid_t uid, gid_t gid)
{
	const struct passwd *user = part == STATE_READER ? getpwuid(uid) : NULL;
	int r = user ? initgroups(user->pw_name, gid) : setgroups(1, &gid);

	if (r < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

/* Root becomes the owner of @st. */
static int become_owner(const char *path, enum state_part part, const struct stat *st,
			struct error *err)
{
	int r = geteuid() == 0 && st->st_uid != 0 ? state_become(part, st->st_uid, st->st_gid) : 0;

	return r < 0 ? fault(err, path, "cannot become the owner of the state directory", r) : 0;
}

static int open_parent(const char *path, enum state_access access, int *ret, struct error *err)
{
	int r;

	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret < 0 && errno == ENOENT && access == STATE_WRITE) {
		r = make_directories(path);
		if (r < 0)
			return fault(err, path, "cannot make the state directory", r);
		*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	r = *ret < 0 ? -errno : 0;
	if (r == -EACCES && access == STATE_WRITE) {
		error_set(err, path, 0, 0,
			  "cannot open the state directory: %s; if it is the service's, as root: "
			  "chmod 755 %s",
			  strerror(-r), path);
		return r;
	}
	return r < 0 ? fault(err, path, "cannot open the state directory", r) : 0;
}

/* 0, and @st is the part's, which the process's user can write to. */
static int make_part(const char *path, const char *whole, int parent, enum state_part part,
		     struct stat *st, struct error *err)
{
	int r;

	if (fstatat(parent, names[part], st, AT_SYMLINK_NOFOLLOW) == 0)
		return become_owner(whole, part, st, err);
	r = errno == ENOENT && fstat(parent, st) == 0 ? become_owner(path, part, st, err) : -errno;
	if (r == 0 && (mkdirat(parent, names[part], DIRECTORY_MODE) < 0 ||
		       fchmodat(parent, names[part], DIRECTORY_MODE, 0) < 0 || fsync(parent) < 0 ||
		       fstatat(parent, names[part], st, AT_SYMLINK_NOFOLLOW) < 0))
		r = fault(err, whole, "cannot make the state directory", -errno);
	return r;
}

static int refuse(const char *whole, const struct stat *st, struct error *err)
{
	if (S_ISLNK(st->st_mode) || !S_ISDIR(st->st_mode)) {
		error_set(err, whole, 0, 0,
			  "is not a directory (links are not followed); remove it");
		return -ENOTDIR;
	}
	if (st->st_uid != geteuid()) {
		error_set(err, whole, 0, 0,
			  "cannot write to the state directory as uid %u: it belongs to uid %u; if "
			  "that is wrong, as root: chown -R %u:%u %s",
			  (unsigned)geteuid(), (unsigned)st->st_uid, (unsigned)geteuid(),
			  (unsigned)getegid(), whole);
		return -EPERM;
	}
	if (st->st_mode & WRITABLE) {
		error_set(err, whole, 0, 0, "others may write to it; chmod go-w %s", whole);
		return -EPERM;
	}
	return 0;
}

int state_open(const char *path, enum state_part part, enum state_access access, int *ret_dirfd,
	       struct error *err)
{
	AUTO_CLOSE int parent = -1, fd = -1;
	char whole[PATH_MAX + 16];
	struct stat st;
	int r;

	if (strlen(path) >= PATH_MAX)
		return fault(err, path, "cannot open the state directory", -ENAMETOOLONG);
	(void)snprintf(whole, sizeof(whole), "%s/%s", path, names[part]);
	r = open_parent(path, access, &parent, err);
	if (r == 0 && access == STATE_WRITE)
		r = make_part(path, whole, parent, part, &st, err);
	if (r == 0 && access == STATE_WRITE)
		r = refuse(whole, &st, err);
	if (r < 0)
		return r;
	fd = openat(parent, names[part], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fault(err, whole, "cannot open the state directory", -errno);
	*ret_dirfd = steal_fd(&fd);
	return 0;
}

/* ---- its files ---- */

struct check {
	const char *path; /* of the part */
	gid_t gid;	  /* of the part */
	void (*report)(const struct error *err);
};

static void check_one(const struct check *c, int dirfd, const char *folder, const char *name)
{
	size_t n = strlen(name);
	bool secret = (n > 5 && strcmp(name + n - 5, ".lock") == 0) ||
		      (folder[0] == '\0' && strcmp(name, "config") == 0);
	mode_t mode = secret ? SECRET_MODE : FILE_MODE;
	struct error err;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISDIR(st.st_mode))
		mode = DIRECTORY_MODE | (st.st_mode & S_ISGID);
	else if (!S_ISREG(st.st_mode)) {
		error_set(&err, c->path, 0, 0, "%s%s is not a regular file; remove it", folder,
			  name);
		c->report(&err);
		return;
	}
	if (st.st_uid != geteuid() || st.st_gid != c->gid) {
		error_set(&err, c->path, 0, 0,
			  "%s%s belongs to uid %u and gid %u; as root: chown %u:%u %s/%s%s", folder,
			  name, (unsigned)st.st_uid, (unsigned)st.st_gid, (unsigned)geteuid(),
			  (unsigned)c->gid, c->path, folder, name);
		c->report(&err);
	}
	/* Setting the bit for the group again may be forbidden: systemd's RestrictSUIDSGID=. */
	if (st.st_uid == geteuid() && (st.st_mode & 07777) != mode &&
	    fchmodat(dirfd, name, mode, 0) < 0 && fchmodat(dirfd, name, mode & 0777, 0) < 0) {
		error_set(&err, c->path, 0, 0, "%s%s: cannot set its mode: %s", folder, name,
			  strerror(errno));
		c->report(&err);
	}
}

static void check_folder(const struct check *c, int dirfd, const char *folder)
{
	int fd = openat(dirfd, folder[0] ? folder : ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char shown[NAME_MAX + 2] = "";
	const struct dirent *e;

	if (!dir) {
		struct error err;

		error_set(&err, c->path, 0, 0, "%s cannot be listed: %s", folder[0] ? folder : "it",
			  strerror(errno));
		c->report(&err);
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	if (folder[0])
		(void)snprintf(shown, sizeof(shown), "%s/", folder);
	while ((e = readdir(dir))) {
		if (strcmp(e->d_name, "..") == 0 || (folder[0] && strcmp(e->d_name, ".") == 0))
			continue;
		check_one(c, fd, shown, e->d_name);
		if (!folder[0] && e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0)
			check_folder(c, fd, e->d_name);
	}
	(void)closedir(dir);
}

void state_check(const char *path, enum state_part part, int dirfd,
		 void (*report)(const struct error *err))
{
	char whole[PATH_MAX + 16];
	struct check c = {.path = whole, .report = report};
	struct stat st;

	if (fstat(dirfd, &st) < 0)
		return;
	c.gid = st.st_gid;
	(void)snprintf(whole, sizeof(whole), "%s/%s", path, names[part]);
	check_folder(&c, dirfd, "");
}

/* ---- who runs ---- */

/* Hex digits alone, since systemd's %b has no hyphens. "" if it is not known. */
static void boot_id(char ret[BOOT_ID_MAX])
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(64);
	const char *id = getenv("LOGINBELL_BOOT_ID");
	size_t n = 0;

	if (!id && io_read_file_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &text) == 0)
		id = buffer_cstr(&text);
	for (; id && *id && *id != '\n' && n < BOOT_ID_MAX - 1; id++)
		if (*id != '-')
			ret[n++] = *id;
	ret[n] = '\0';
}

/*
 * The start time of a process, in clock ticks after boot: proc_pid_stat(5), field 22. -ESRCH if it
 * has ended and its parent does not know yet; -errno.
 */
static int start_time(pid_t pid, uint64_t *ret)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(4096);
	char path[40];
	const char *at;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	r = io_read_file_at(AT_FDCWD, path, &text);
	if (r < 0)
		return r;
	if (!buffer_cstr(&text))
		return -ENOMEM;
	/* The program's name, field 2, may have blanks and parentheses. */
	at = strrchr(text.data, ')');
	if (at && at[1] == ' ' && strchr("ZX", at[2]))
		return -ESRCH;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -EINVAL;
	at++;
	return number_parse_u64((struct slice){at, strspn(at, "0123456789")}, UINT64_MAX, ret);
}

/* Not durably: after a power loss the boot is another one. */
static void write_pid(int dirfd, enum state_part part)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(PID_MAX);
	AUTO_CLOSE int fd = -1;
	char boot[BOOT_ID_MAX];
	uint64_t start;

	boot_id(boot);
	if (start_time(getpid(), &start) < 0 ||
	    buffer_printf(&text, "PID=%d\nSTART=%llu\nBOOT=%s\n", (int)getpid(),
			  (unsigned long long)start, boot) < 0)
		return;
	(void)unlinkat(dirfd, pids[part], 0);
	fd = file_open(dirfd, pids[part], O_WRONLY | O_CREAT | O_EXCL, FILE_MODE);
	if (fd >= 0 && fchmod(fd, FILE_MODE) == 0)
		(void)io_write_all(fd, text.data, text.len);
}

/* The rest of the line that begins with @key; empty if there is none. */
static struct slice value_of(struct slice text, const char *key)
{
	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		struct slice line = {text.p, end ? (size_t)(end - text.p) : text.n};

		text = slice_from(text, line.n + (end != NULL));
		if (slice_skip(&line, key))
			return line;
	}
	return (struct slice){"", 0};
}

enum state_process state_process(int dirfd, enum state_part part, pid_t *ret_pid)
{
	AUTO_BUFFER struct buffer text = BUFFER_INIT(PID_MAX);
	uint64_t pid, start, now;
	char boot[BOOT_ID_MAX];
	int r;

	if (file_load(dirfd, pids[part], &text) < 0 ||
	    number_parse_u64(value_of(buffer_slice(&text), "PID="), INT_MAX, &pid) < 0 ||
	    number_parse_u64(value_of(buffer_slice(&text), "START="), UINT64_MAX, &start) < 0 ||
	    pid == 0)
		return STATE_STOPPED;
	boot_id(boot);
	if (boot[0] && !slice_eq_str(value_of(buffer_slice(&text), "BOOT="), boot))
		return STATE_STOPPED;
	r = start_time((pid_t)pid, &now);
	if (r == -ESRCH || (r < 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH))
		return STATE_STOPPED;
	if (r == 0 && now != start)
		return STATE_STOPPED;
	*ret_pid = (pid_t)pid;
	return r == 0 ? STATE_RUNS : STATE_UNKNOWN;
}

int state_lock(int dirfd, enum state_part part, int *ret_fd, pid_t *ret_holder)
{
	AUTO_CLOSE int fd = file_open(dirfd, locks[part], O_RDWR | O_CREAT, SECRET_MODE);

	if (fd < 0)
		return fd;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK) {
			*ret_holder = 0;
			(void)state_process(dirfd, part, ret_holder);
			return STATE_E_LOCKED;
		}
		if (errno != EINTR)
			return -errno;
	}
	write_pid(dirfd, part);
	*ret_fd = steal_fd(&fd);
	return 0;
}

void state_unlock(int dirfd, enum state_part part, int fd)
{
	if (fd < 0)
		return;
	(void)unlinkat(dirfd, pids[part], 0);
	(void)close(fd);
}
