/*
 * What any reader of the journal has to do at least: the matches that loginbell sets, and for each
 * record one sd_journal_next() and one sd_journal_get_data("MESSAGE"). The bench measures
 * `loginbell report` against it.
 */
#include <stdio.h>
#include <string.h>

#include <systemd/sd-journal.h>

int main(int argc, char **argv)
{
	static const char *const fields[] = {"_COMM=", "SYSLOG_IDENTIFIER="};
	static const char *const programs[] = {"sshd", "sshd-session", "dropbear"};
	unsigned long records = 0, accepted = 0;
	sd_journal *j;
	int r;

	if (argc != 2)
		return 2;
	r = sd_journal_open_directory(&j, argv[1], 0);
	if (r < 0)
		return 1;
	for (size_t f = 0; f < 2; f++) {
		for (size_t p = 0; p < 3; p++) {
			char match[64];

			(void)snprintf(match, sizeof(match), "%s%s", fields[f], programs[p]);
			if (sd_journal_add_match(j, match, 0) < 0)
				return 1;
		}
		if (sd_journal_add_disjunction(j) < 0)
			return 1;
	}
	if (sd_journal_add_match(j, "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e", 0) < 0 ||
	    sd_journal_add_match(j, "_TRANSPORT=driver", 0) < 0)
		return 1;
	while ((r = sd_journal_next(j)) > 0) {
		const void *data;
		size_t n;

		records++;
		if (sd_journal_get_data(j, "MESSAGE", &data, &n) < 0)
			continue;
		if (n >= 17 && memcmp(data, "MESSAGE=Accepted ", 17) == 0)
			accepted++;
	}
	sd_journal_close(j);
	printf("%lu records, %lu accepted\n", records, accepted);
	return r < 0;
}
