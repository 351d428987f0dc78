/*
 * py_embed.c - a program that embeds Python again and again.
 *
 * Usage: py_embed LIBPYTHON before|after: opens the library, starts the
 * interpreter three times, and sees that blocks of the object allocator are
 * recorded each time. The room is set up before or after the first start. The
 * shim must be preloaded.
 */
#include "config.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT_EVENTS (2 + 3) /* of struct shim_totals, as numbers */
#define STARTS	      3
#define SCRIPT                                                          \
	"import threading\n"                                            \
	"def make(): return [str(i) * 3 for i in range(1000)]\n"        \
	"threads = [threading.Thread(target=make) for _ in range(4)]\n" \
	"[thread.start() for thread in threads]\n"                      \
	"[thread.join() for thread in threads]\n"

static struct {
	void (*initialize)(int signals);
	int (*run)(const char *script, void *flags);
	void (*finalize)(void);
	uint32_t (*shim_setup)(void);
	void (*shim_totals)(uint64_t *totals);
} call;

static void *
find(const char *name)
{
	void *found = dlsym(RTLD_DEFAULT, name);

	if (found)
		return found;
	fprintf(stderr, "no %s\n", name);
	exit(2);
}

static uint64_t
events(void)
{
	uint64_t totals[256];

	call.shim_totals(totals);
	return totals[OBJECT_EVENTS];
}

static int
start(int turn, int setup_late)
{
	uint64_t before;

	call.initialize(0);
	if (setup_late)
		call.shim_setup();
	before = events();
	if (call.run(SCRIPT, NULL))
		return 1;
	printf("start %d: %llu blocks\n", turn,
	       (unsigned long long)(events() - before));
	if (events() - before < 4000)
		return 1;
	call.finalize();
	/* What a program does in between; it makes the room look again. */
	free(malloc(100));
	return 0;
}

int
main(int argc, char **argv)
{
	int late = argc > 2 && strcmp(argv[2], "after") == 0;

	if (argc < 3 || !dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL)) {
		fprintf(stderr, "cannot open libpython\n");
		return 2;
	}
	*(void **)&call.initialize = find("Py_InitializeEx");
	*(void **)&call.run = find("PyRun_SimpleStringFlags");
	*(void **)&call.finalize = find("Py_Finalize");
	*(void **)&call.shim_setup = find("shim_setup");
	*(void **)&call.shim_totals = find("shim_totals");
	if (!late)
		call.shim_setup();
	for (int turn = 0; turn < STARTS; turn++)
		if (start(turn, late))
			return 1;
	return 0;
}
