/* Prints the names that the manual has to describe: "key Section.Key", and "method NAME". */
#include <stdio.h>

#include "text/config_keys.h"
#include "text/login.h"

int main(void)
{
	for (const char *const *k = config_keys; *k; k++)
		printf("key %s\n", *k);
	for (const char *const *m = login_methods; *m; m++)
		printf("method %s\n", *m);
	return 0;
}
