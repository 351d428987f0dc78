/*
 * fuzz_main.c - runs a fuzz target without libFuzzer: on the files and folders
 * it is given, and then on mutations of those.
 *
 *	fuzz_NAME [-seconds=N] [-seed=N] FILE|FOLDER...
 *
 * Mutations come from the seed alone, so a run can be repeated. The input that
 * ended it, or that took more than HANG_SECONDS, is left in ./fuzz-found.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUTS_MAX   4096
#define SIZE_MAX_    (4u << 20)
#define HANG_SECONDS 20

struct input {
	uint8_t *data;
	size_t size;
};

static struct {
	struct input inputs[INPUTS_MAX];
	size_t count;
	uint64_t random;
	uint8_t now[SIZE_MAX_]; /* the input that runs */
	size_t size;
} fuzz = {.random = 1};

static uint64_t
draw(uint64_t below)
{
	fuzz.random ^= fuzz.random << 13;
	fuzz.random ^= fuzz.random >> 7;
	fuzz.random ^= fuzz.random << 17;
	return below ? fuzz.random % below : 0;
}

static void
keep_and_end(int number)
{
	int fd = open("fuzz-found", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd >= 0 && write(fd, fuzz.now, fuzz.size) >= 0)
		close(fd);
	signal(number, SIG_DFL);
	raise(number);
}

static void
run(void)
{
	static unsigned runs;

	if (runs++ % 64 == 0)
		alarm(HANG_SECONDS);
	LLVMFuzzerTestOneInput(fuzz.now, fuzz.size);
}

static void
load_file(const char *path)
{
	FILE *file = fopen(path, "r");
	struct input *input;

	if (!file)
		return;
	fuzz.size = fread(fuzz.now, 1, sizeof(fuzz.now), file);
	fclose(file);
	run();
	if (fuzz.count == INPUTS_MAX)
		return;
	input = &fuzz.inputs[fuzz.count++];
	input->size = fuzz.size;
	input->data = malloc(fuzz.size + 1);
	memcpy(input->data, fuzz.now, fuzz.size);
}

static void
load(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	if (!folder) {
		load_file(path);
		return;
	}
	while ((entry = readdir(folder))) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.')
			load_file(name);
	}
	closedir(folder);
}

/* Writes `size` bytes at `at`, as far as there is room. */
static void
put(size_t at, const void *bytes, size_t size)
{
	if (at < fuzz.size)
		memcpy(fuzz.now + at, bytes,
		       size < fuzz.size - at ? size : fuzz.size - at);
}

static void
put_number(size_t at)
{
	static const uint64_t wild[] = {
	    0,		1,	    2,	       0x7f,	   0x80,
	    0xff,	0x7fff,	    0x8000,    0xffff,	   0x7fffffff,
	    0x80000000, 0xffffffff, INT64_MAX, 1ull << 63, UINT64_MAX};
	uint64_t number = wild[draw(sizeof(wild) / sizeof(*wild))];

	put(at, &number, (size_t)1 << draw(4));
}

/* Moves what is behind `at` and fills the hole with a piece of another. */
static void
insert(size_t at, const struct input *from)
{
	size_t size = 1 + draw(draw(8) ? 16 : 1024);
	size_t begin = draw(from->size);

	if (size > from->size - begin)
		size = from->size - begin;
	if (fuzz.size + size > sizeof(fuzz.now))
		return;
	memmove(fuzz.now + at + size, fuzz.now + at, fuzz.size - at);
	fuzz.size += size;
	memcpy(fuzz.now + at, from->data + begin, size);
}

static void
cut(size_t at)
{
	size_t size = 1 + draw(draw(8) ? 16 : 1024);

	if (size > fuzz.size - at)
		size = fuzz.size - at;
	memmove(fuzz.now + at, fuzz.now + at + size, fuzz.size - at - size);
	fuzz.size -= size;
}

static void
mutate(void)
{
	const struct input *other = &fuzz.inputs[draw(fuzz.count)];
	uint8_t byte = (uint8_t)draw(256);
	size_t at = draw(fuzz.size + 1);

	switch (draw(8)) {
	case 0:
		cut(at);
		break;
	case 1:
	case 2:
		insert(at, other);
		break;
	case 3:
		put_number(at);
		break;
	case 4:
		put(at, other->data, draw(other->size + 1));
		break;
	case 5:
		if (at < fuzz.size)
			fuzz.now[at] ^= (uint8_t)(1u << draw(8));
		break;
	case 6:
		if (draw(64) == 0)
			fuzz.size = at;
		break;
	default:
		put(at, &byte, 1);
	}
}

static bool
is_over(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec ||
	       (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

static uint64_t
search(long seconds)
{
	struct timespec end;
	uint64_t runs = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	while (seconds && !is_over(&end)) {
		const struct input *input = &fuzz.inputs[draw(fuzz.count)];

		memcpy(fuzz.now, input->data, input->size);
		fuzz.size = input->size;
		for (uint64_t i = 1 + draw(6); i; i--)
			mutate();
		run();
		runs++;
	}
	return runs;
}

int
main(int argc, char **argv)
{
	static const int deadly[] = {SIGABRT, SIGALRM, SIGBUS, SIGFPE,
				     SIGILL,  SIGSEGV, SIGTRAP};
	long seconds = 0;
	uint64_t runs;

	for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
		signal(deadly[i], keep_and_end);
	for (int i = 1; i < argc; i++)
		if (sscanf(argv[i], "-seconds=%ld", &seconds) != 1 &&
		    sscanf(argv[i], "-seed=%lu", &fuzz.random) != 1)
			load(argv[i]);
	if (!fuzz.count) {
		fprintf(stderr, "%s: no input\n", argv[0]);
		return 2;
	}
	runs = search(seconds);
	printf("%zu inputs, %lu executions\n", fuzz.count, fuzz.count + runs);
	return 0;
}
