/*
 * The names of frozen messages follow from the configuration's destinations. Another name was made
 * by somebody else, or by a destination that was forgotten with a lost "delivery". Such a file is
 * not removed.
 */
#include "deliver/spool_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define NO_LEDGER "none"

static void disown(int dirfd, const char *file)
{
	AUTO_SPOOL_MESSAGE struct spool_message *o = NULL;
	int r = spool_load(dirfd, file, &o, NULL);

	if (r > 0) /* there is none, or it is damaged, which is logged later */
		return;
	if (r == 0) {
		(void)snprintf(o->ledger_id, sizeof(o->ledger_id), NO_LEDGER);
		r = spool_save(dirfd, file, o);
	}
	if (r < 0)
		log_error("%s: %s", file, strerror(-r));
}

void spool_check_disown(const struct sender *s, const struct config *config)
{
	char file[SPOOL_NAME_MAX];

	for (size_t i = 0; i < config->n_destinations; i++) {
		for (int q = 0; q < DELIVERY_QUEUES; q++) {
			spool_name(config->destinations[i].name, (enum delivery_queue_id)q, file);
			disown(s->dirfd, file);
		}
	}
}

/* Whether @name, with its folder, is a frozen message's, or that of one that is kept. */
static bool is_own(const struct sender *s, const char *name)
{
	static const char *const ends[] = {"", ".tmp", ".damaged", ".refused"};
	char file[SPOOL_NAME_MAX];

	for (size_t i = 0; i < s->n_destinations; i++) {
		for (int q = 0; q < DELIVERY_QUEUES; q++) {
			size_t n;

			spool_name(s->destinations[i].config->name, (enum delivery_queue_id)q,
				   file);
			n = strlen(file);
			for (size_t k = 0; k < ARRAY_SIZE(ends); k++)
				if (strncmp(name, file, n) == 0 && strcmp(name + n, ends[k]) == 0)
					return true;
		}
	}
	return false;
}

void spool_check_report(const struct sender *s)
{
	int fd = openat(s->dirfd, SPOOL_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[sizeof(SPOOL_DIR) + NAME_MAX + 1];
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!dir) {
		if (errno != ENOENT)
			log_error(SPOOL_DIR ": %s", strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		(void)snprintf(name, sizeof(name), SPOOL_DIR "/%s", e->d_name);
		if (!is_own(s, name))
			log_warning("%s is not a message of any configured destination; it stays",
				    name);
	}
	(void)closedir(dir);
}
