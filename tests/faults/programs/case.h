/*
 * case.h - what the programs of the fault tests share: cases by name, and books
 * of what was allocated, by function.
 *
 *	PROGRAM CASE
 *
 * The last lines of the output are the books, "truth FUNCTION BYTES COUNT
 * TOTAL_BYTES TOTAL_COUNT", and so must be the same in each run. Nothing here
 * allocates.
 */
#ifndef HEAPTOP_TESTS_FAULTS_CASE_H
#define HEAPTOP_TESTS_FAULTS_CASE_H

#include <dirent.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone, unused))

struct book {
	const char *function;
	int64_t bytes;
	int64_t count;
	int64_t total_bytes;
	int64_t total_count;
};

enum { BOOKS = 32 };
static struct book *books[BOOKS];
static int book_count;

struct fault_case {
	const char *name;
	int (*run)(void);
};

/* Context: any, a signal handler too. */
static inline void
book_born(struct book *book, const void *block, size_t size)
{
	if (!block)
		return;
	__atomic_fetch_add(&book->bytes, size, __ATOMIC_RELAXED);
	__atomic_fetch_add(&book->count, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&book->total_bytes, size, __ATOMIC_RELAXED);
	__atomic_fetch_add(&book->total_count, 1, __ATOMIC_RELAXED);
}

static inline void
book_gone(struct book *book, size_t size)
{
	__atomic_fetch_sub(&book->bytes, size, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&book->count, 1, __ATOMIC_RELAXED);
}

/* void *name_(size_t): allocates by this expression of size, and books it.
 * name_drop(block, size) frees. */
#define KEEPER_OF(name_, expression_)                               \
	static struct book name_##_book = {.function = #name_};     \
	static void *volatile name_##_last;                         \
	static NOINLINE void *name_(size_t size)                    \
	{                                                           \
		void *volatile block = (expression_);               \
                                                                    \
		book_born(&name_##_book, block, size);              \
		name_##_last = block;                               \
		return block;                                       \
	}                                                           \
	static NOINLINE void name_##_drop(void *block, size_t size) \
	{                                                           \
		if (block)                                          \
			book_gone(&name_##_book, size);             \
		free(block);                                        \
	}                                                           \
	static void __attribute__((constructor)) name_##_open(void) \
	{                                                           \
		books[book_count++] = &name_##_book;                \
	}
#define KEEPER(name_) KEEPER_OF(name_, malloc(size))

static inline void
books_tell(void)
{
	for (int i = 0; i < book_count; i++) {
		const struct book *book = books[i];
		char line[200];
		int length;

		if (!book->total_count)
			continue;
		length = snprintf(
		    line, sizeof(line), "truth %s %lld %lld %lld %lld\n",
		    book->function, (long long)book->bytes,
		    (long long)book->count, (long long)book->total_bytes,
		    (long long)book->total_count);
		if (write(1, line, (size_t)length) != length)
			_exit(99);
	}
}

/* The path of this process's; "" when it has none. */
static inline const char *
segment_path(const char *directory)
{
	static char path[512];
	char name[32];
	struct dirent *entry;
	DIR *open = opendir(directory);

	path[0] = '\0';
	snprintf(name, sizeof(name), "%d-", (int)getpid());
	while (open && (entry = readdir(open)))
		if (strncmp(entry->d_name, name, strlen(name)) == 0)
			snprintf(path, sizeof(path), "%s/%s", directory,
				 entry->d_name);
	if (open)
		closedir(open);
	return path;
}

/* With the agent: until it has its segment. FAULT_READY says where. */
static inline void
segment_wait(void)
{
	const char *directory = getenv("FAULT_READY");

	while (directory && !*segment_path(directory))
		sched_yield();
}

/* The exit status: 64 when there is no such case. */
static inline int
case_run(int argc, char **argv, const struct fault_case *cases)
{
	for (; cases->name; cases++)
		if (argc > 1 && strcmp(cases->name, argv[1]) == 0) {
			int status = cases->run();

			books_tell();
			return status;
		}
	return 64;
}

#endif
