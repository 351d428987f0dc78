/*
 * attached.c - a program that was started without the agent, and loads it.
 *
 * attached AGENT: reads commands from standard input, answers each with a line.
 *
 *	attach		   loads the agent, and switches it on
 *	grow COUNT SIZE	   more blocks of that size, from grow()
 *	drop COUNT	   frees the oldest of them
 *	resize COUNT SIZE  of the oldest of them, from resize()
 *	plugin PATH COUNT  loads a library whose grow() is called
 *	fork		   a child that has one block more, and stays
 *	quiet 1		   the threads pause; 0: they go on
 *	threads		   how many the system counts
 *	end
 *
 * Four threads allocate and free all the time.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS	100000
#define THREADS 4

static void *blocks[BLOCKS];
static int first, last;
static volatile int ended, quiet;
static pid_t child;
/* Data that is the address of a function, as libraries have it. */
static void *(*allocate)(size_t) = malloc;

static __attribute__((noinline)) void
grow(int count, size_t size)
{
	while (count-- > 0 && last < BLOCKS)
		blocks[last++] = count % 2 ? malloc(size) : allocate(size);
}

static __attribute__((noinline)) void
resize(int count, size_t size)
{
	for (int i = first; i < first + count && i < last; i++)
		blocks[i] = realloc(blocks[i], size);
}

static void *
churn(void *unused)
{
	for (unsigned round = 1; !ended; round++) {
		void *block = quiet ? NULL : malloc(77);

		free(block);
		if (round % 1000 == 0 || quiet)
			usleep(1000);
	}
	return unused;
}

static int
attach(const char *path)
{
	void *agent = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	int (*begin)(const char *);

	if (!agent)
		return -100;
	*(void **)&begin = dlsym(agent, "heaptop_agent_attach");
	return begin ? begin(NULL) : -101;
}

static int
plugin(const char *path, int count)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void (*function)(int);

	if (!library)
		return -100;
	*(void **)&function = dlsym(library, "plugin_grow");
	/* The agent looks at libraries that come every few milliseconds. */
	usleep(200000);
	function(count);
	return 0;
}

static int
fork_child(void)
{
	child = fork();
	if (!child) {
		grow(1, 12345);
		pause();
		_exit(0);
	}
	return (int)child;
}

/* Threads of this process, as the system counts them. */
static int
threads(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[200];
	int count = 0;

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Threads: %d", &count) == 1)
			break;
	fclose(file);
	return count;
}

static void
answer(const char *agent, char *line)
{
	char word[20] = "", text[200] = "";
	int numbers[2] = {0, 0};
	int result = 0;

	sscanf(line, "%19s %d %d", word, &numbers[0], &numbers[1]);
	if (strcmp(word, "attach") == 0)
		result = attach(agent);
	else if (strcmp(word, "grow") == 0)
		grow(numbers[0], (size_t)numbers[1]);
	else if (strcmp(word, "resize") == 0)
		resize(numbers[0], (size_t)numbers[1]);
	else if (strcmp(word, "drop") == 0)
		while (numbers[0]-- > 0 && first < last)
			free(blocks[first++]);
	else if (strcmp(word, "quiet") == 0)
		quiet = numbers[0];
	else if (strcmp(word, "threads") == 0)
		result = threads();
	else if (strcmp(word, "fork") == 0)
		result = fork_child();
	else if (strcmp(word, "plugin") == 0 &&
		 sscanf(line, "plugin %199s %d", text, &numbers[0]) == 2)
		result = plugin(text, numbers[0]);
	printf("%s %d\n", word, result);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	pthread_t ids[THREADS];
	char line[400];

	if (argc < 2)
		return 2;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&ids[i], NULL, churn, NULL);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && strcmp(line, "end\n"))
		answer(argv[1], line);
	ended = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(ids[i], NULL);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	return 7;
}
