/*
 * A fault for the user: its place and its reason. Library code sets it; only command/ and deliver/
 * print it.
 */
#pragma once

struct error {
	char file[256];	 /* "": it is not about a file */
	unsigned line;	 /* from 1; 0: the whole file */
	unsigned column; /* from 1, in bytes; 0: the whole line */
	char text[512];
};

/* Sets all members. @file may be NULL; @err too, then nothing happens. Long texts are cut. */
void error_set(struct error *err, const char *file, unsigned line, unsigned column,
	       const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Writes "file:line:column: text", without the parts that are not set, safe for a terminal. */
void error_format(const struct error *err, char *ret, unsigned size);
