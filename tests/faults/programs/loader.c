/* loader.c - modules that come and go, and names that are not there. */
#include "config.h"

#include <dlfcn.h>
#include <pthread.h>

#include "case.h"

KEEPER(kept)
static struct book module_book = {.function = "module_fill"};

static void __attribute__((constructor)) open_book(void)
{
	books[book_count++] = &module_book;
}

typedef void fill_function(void **, int, size_t);
typedef void free_function(void *);

static const char *
module(void)
{
	return getenv("FAULT_MODULE");
}

static void *
look_up(void *unused)
{
	for (int i = 0; i < 2000; i++) {
		if (dlsym(RTLD_DEFAULT, "no_such_function") || !dlerror() ||
		    dlopen("libno-such.so.9", RTLD_NOW) || !dlerror())
			abort();
		kept(20);
	}
	return unused;
}

/* Each failure makes a message, which is allocated. */
static int
run_missing(void)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		if (pthread_create(&threads[i], NULL, look_up, NULL))
			return 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static int
fill_and_close(int flags)
{
	void *blocks[10];
	void *library = dlopen(module(), RTLD_NOW | flags);
	fill_function *fill;

	if (!library)
		return 1;
	*(void **)&fill = dlsym(library, "module_fill");
	fill(blocks, 10, 500);
	dlclose(library);
	for (int i = 0; i < 10; i++) {
		book_born(&module_book, blocks[i], 500);
		if (i % 2)
			continue;
		free(blocks[i]);
		book_gone(&module_book, 500);
	}
	return 0;
}

/* Blocks stay whose stacks lead into what is not there any more. */
static int
run_closed(void)
{
	for (int i = 0; i < 500; i++)
		if (fill_and_close(0))
			return 1;
	return 0;
}

static void *
close_again_and_again(void *unused)
{
	for (int i = 0; i < 300; i++) {
		void *library = dlopen("libresolv.so.2", RTLD_NOW);

		if (!library)
			abort();
		kept(25);
		dlclose(library);
	}
	return unused;
}

static int
run_closed_by_threads(void)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, close_again_and_again,
				   NULL))
			return 1;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/* The module finds libc's malloc before the agent's: what it gives is unknown,
 * and what it frees is not seen to go. */
static int
run_deep_bound(void)
{
	void *library = dlopen(module(), RTLD_NOW | RTLD_DEEPBIND);
	void *blocks[10];
	fill_function *fill;
	free_function *give;

	if (!library)
		return 1;
	*(void **)&fill = dlsym(library, "module_fill");
	*(void **)&give = dlsym(library, "module_free");
	for (int i = 0; i < 200; i++) {
		fill(blocks, 10, 5000);
		for (int j = 0; j < 10; j++)
			free(blocks[j]);
	}
	for (int i = 0; i < 100; i++) {
		void *volatile block = malloc(100000);

		give(block);
		kept(64);
	}
	dlclose(library);
	return 0;
}

static const struct fault_case cases[] = {
    {"missing", run_missing},
    {"closed", run_closed},
    {"closed-by-threads", run_closed_by_threads},
    {"deep-bound", run_deep_bound},
    {NULL, NULL},
};

int
main(int argc, char **argv)
{
	return case_run(argc, argv, cases);
}
