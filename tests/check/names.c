/* Prints the names that the manual has to describe: "key Section.Key", and "method NAME". */
#include <stdio.h>

#include "text/config_keys.h"
#include "text/login.h"

int main(void)
{
	for (size_t s = 0; s < CONFIG_SECTION_KINDS; s++)
		for (size_t k = 0; k < CONFIG_KEY_COUNT; k++)
			if (config_key_table[k].sections & 1U << s)
				printf("key %s.%s\n", config_section_names[s],
				       config_key_table[k].name);
	for (const char *const *m = login_methods; *m; m++)
		printf("method %s\n", *m);
	return 0;
}
