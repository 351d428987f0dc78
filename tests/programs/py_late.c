/*
 * py_late.c - a program that gets Python while it runs, as servers with
 * plugins do.
 *
 * Usage: py_late LIBPYTHON SCRIPT: opens the library, for itself alone, starts
 * the interpreter and runs the text of the script.
 */
#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *library;

static void *
find(const char *name)
{
	void *found = dlsym(library, name);

	if (found)
		return found;
	fprintf(stderr, "no %s\n", name);
	exit(2);
}

int
main(int argc, char **argv)
{
	void (*initialize)(int signals);
	int (*run)(const char *script, void *flags);
	int (*finalize)(void);
	int status;

	if (argc != 3)
		return 2;
	library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 2;
	}
	*(void **)&initialize = find("Py_InitializeEx");
	*(void **)&run = find("PyRun_SimpleStringFlags");
	*(void **)&finalize = find("Py_FinalizeEx");
	initialize(0);
	status = run(argv[2], NULL);
	return finalize() ? 1 : status != 0;
}
