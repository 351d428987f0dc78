/*
 * resident.c - a program whose memory is where its argument says; then it says
 * "there" and waits for its input to end.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB   (1ul << 20)
#define BYTES (64 * MIB)
#define BLOCK 400
#define EVERY 100

static char arena[BYTES];
static char *blocks[BYTES / BLOCK];
static volatile unsigned sum;

static void
touch(char *start, size_t size)
{
	memset(start, 1, size);
}

static void
leak(void)
{
	for (size_t i = 0; i < BYTES / BLOCK; i++) {
		blocks[i] = malloc(BLOCK);
		touch(blocks[i], BLOCK);
	}
}

/* What is left holds every page. */
static void
fragments(void)
{
	leak();
	for (size_t i = 0; i < BYTES / BLOCK; i++)
		if (i % EVERY)
			free(blocks[i]);
}

static void
file(void)
{
	char path[] = "/tmp/resident.XXXXXX";
	int fd = mkstemp(path);
	char *start;

	unlink(path);
	if (fd < 0 || posix_fallocate(fd, 0, BYTES))
		exit(77);
	start = mmap(NULL, BYTES, PROT_READ, MAP_PRIVATE, fd, 0);
	for (size_t i = 0; i < BYTES; i += 4096)
		sum += (unsigned)start[i];
}

static void
shared(void)
{
	touch(mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0),
	      BYTES);
}

/* An allocator that asks the kernel itself. */
static void
kernel(void)
{
	touch((char *)syscall(SYS_mmap, NULL, BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	      BYTES);
}

static void
fixed(void)
{
	touch(arena, BYTES);
}

/* Big blocks are mappings of their own, beside free room in the heap. */
static void
big(void)
{
	fragments();
	for (size_t i = 0; i < 2 * BYTES / MIB; i++) {
		char *block = malloc(MIB);

		touch(block, MIB);
		blocks[1 + i % 90] = block;
	}
}

/* Blocks that nobody ever writes to. */
static void
untouched(void)
{
	blocks[1] = malloc(16 * BYTES);
}

int
main(int count, char **words)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} ways[] = {
	    {"leak", leak},	{"fragments", fragments}, {"file", file},
	    {"shared", shared}, {"kernel", kernel},	  {"fixed", fixed},
	    {"big", big},	{"untouched", untouched},
	};

	for (size_t i = 0; count > 1 && i < sizeof(ways) / sizeof(*ways); i++)
		if (!strcmp(words[1], ways[i].name))
			ways[i].run();
	puts("there");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
