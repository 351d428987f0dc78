/* clock.c - clocks that leap: an hour on, two days back, in turn. */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	static unsigned turn;
	long failed = syscall(SYS_clock_gettime, clock, now);

	if (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC)
		now->tv_sec +=
		    __atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED) % 2
			? 3600
			: -172800;
	return (int)failed;
}
