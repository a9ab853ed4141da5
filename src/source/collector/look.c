/*
 * What kind of directory it is, by the names in it: that costs nothing, and holds also while its
 * files cannot be read.
 */
#include <dirent.h>

#include "source/collector/names.h"
#include "source/collector/ops.h"

enum collection collection_look(const char *directory)
{
	enum collection found = COLLECTION_EMPTY;
	struct dirent *entry;
	struct slice stem;
	DIR *dir = opendir(directory);

	if (!dir)
		return COLLECTION_NONE;
	while (found != COLLECTION_HOSTS && (entry = readdir(dir))) {
		if (collection_name_is_machine(entry->d_name))
			found = COLLECTION_NONE;
		else if (collection_name_stem(entry->d_name, &stem))
			found = collection_name_is_host(stem) ? COLLECTION_HOSTS : COLLECTION_NONE;
	}
	(void)closedir(dir);
	return found;
}
