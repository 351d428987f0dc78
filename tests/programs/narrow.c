/*
 * narrow.c - how much stack the allocator's functions take: each is called on
 * a painted stack of its own. Prints "NAME BYTES" for each.
 *
 * usage: narrow [SIZE]   run all on a stack of that size, and measure nothing
 */
#include "config.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define NOINLINE __attribute__((noinline, noclone))
#define ROOM	 65536
#define PAINT	 0xa5

static void *volatile block;
static void *volatile other;
static unsigned char *mark; /* the stack pointer at the call, about */
static void (*wanted)(void);
static ucontext_t back, context;
static unsigned char *room;

/* Calls from many places: each has a rule that has not been seen. */
static NOINLINE void
allocate(void)
{
	block = malloc(40);
}

static NOINLINE void
allocate_elsewhere(void)
{
	other = malloc(1000);
	__asm__ volatile("");
}

static NOINLINE void
allocate_much(void)
{
	free(block);
	block = malloc(4 << 20);
}

static NOINLINE void
allocate_zeroed(void)
{
	free(other);
	other = calloc(3, 100);
}

static NOINLINE void
enlarge(void)
{
	block = realloc(block, 5 << 20);
}

static NOINLINE void
enlarge_little(void)
{
	other = realloc(other, 500);
}

static NOINLINE void
release(void)
{
	free(block);
	block = NULL;
}

static NOINLINE void
map(void)
{
	void *place =
	    mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (place != MAP_FAILED)
		munmap(place, 8192);
}

static void
run(void)
{
	mark = __builtin_frame_address(0);
	wanted();
}

static void
run_in_handler(int number)
{
	(void)number;
	run();
}

static size_t
measure(void (*call)(void))
{
	size_t clean = 0;

	memset(room, PAINT, ROOM);
	wanted = call;
	getcontext(&context);
	context.uc_stack.ss_sp = room;
	context.uc_stack.ss_size = ROOM;
	context.uc_link = &back;
	makecontext(&context, run, 0);
	swapcontext(&back, &context);
	while (room[clean] == PAINT)
		clean++;
	return (size_t)(mark - room) - clean;
}

static const struct {
	const char *name;
	void (*call)(void);
} calls[] = {
    {"malloc", allocate},
    {"malloc_again", allocate},
    {"malloc_elsewhere", allocate_elsewhere},
    {"malloc_much", allocate_much},
    {"calloc", allocate_zeroed},
    {"realloc", enlarge},
    {"realloc_little", enlarge_little},
    {"free", release},
    {"malloc_later", allocate},
    {"mmap", map},
};

int
main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = run_in_handler,
				   .sa_flags = SA_ONSTACK};
	stack_t stack = {.ss_size = argc > 1 ? (size_t)atol(argv[1]) : 0};
	size_t bytes[sizeof(calls) / sizeof(*calls)];

	room = mmap(NULL, ROOM, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED || stack.ss_size > ROOM - 4096)
		return 1;
	if (argc > 1) {
		mprotect(room, 4096, PROT_NONE);
		stack.ss_sp = room + 4096;
		sigaltstack(&stack, NULL);
		sigaction(SIGUSR1, &action, NULL);
	}
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		wanted = calls[i].call;
		if (argc > 1)
			raise(SIGUSR1);
		else
			bytes[i] = measure(wanted);
	}
	for (size_t i = 0; argc == 1 && i < sizeof(calls) / sizeof(*calls); i++)
		printf("%s %zu\n", calls[i].name, bytes[i]);
	puts("done");
	return 0;
}
