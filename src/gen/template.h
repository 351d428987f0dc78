/*
 * template.h - a text file whose lines of the form @WORD@ are replaced by
 * what a function prints.
 */
#ifndef HEAPTOP_GEN_TEMPLATE_H
#define HEAPTOP_GEN_TEMPLATE_H

#include <stdio.h>

struct part {
	const char *word; /* "@OPTIONS@"; white space around it is dropped */
	void (*print)(void);
};

/*
 * Prints the template on stdout. Inside a line @VERSION@ stands for ours. The
 * last part has no word. Returns the exit status of the program: a word that
 * no part knows is a mistake.
 */
int template_print(const char *path, const struct part *);

#endif
