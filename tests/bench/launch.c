/*
 * launch.c - runs a command and writes what it cost to a file.
 *
 *	launch FILE COMMAND [ARGUMENT]...
 *
 * Wall and CPU seconds, the peak of the largest process in KiB, and the wait
 * status. A small program does this, since the peak of a process begins as that
 * of the one that forked it.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double
seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int
main(int argc, char **argv)
{
	double start = now();
	struct rusage usage;
	FILE *file;
	int status;
	pid_t pid;

	if (argc < 3)
		return 2;
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], &argv[2]);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
		return 1;
	start = now() - start;
	file = fopen(argv[1], "w");
	if (!file)
		return 1;
	fprintf(file, "%f %f %ld %d\n", start,
		seconds(usage.ru_utime) + seconds(usage.ru_stime),
		usage.ru_maxrss, status);
	return fclose(file) ? 1 : 0;
}
