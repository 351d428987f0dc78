/*
 * borrowed.c - waits or works in the way that its argument names, and says on
 * stdout, each time, whether that went as it would have without a debugger.
 *
 *	borrowed KIND [SECONDS]
 *
 * A wait must neither fail nor end early or late; work must come to the same
 * result, and goes on until standard input is closed. "ready" is printed when
 *it is about to begin.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { SLACK_MS = 5000, THREADS = 8 };

static int wait_ms = 2000;

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* For work: until nobody listens any more. */
static bool
goes_on(int64_t until)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

	return now_ms() < until && poll(&in, 1, 0) == 0;
}

static struct timespec
span(void)
{
	return (struct timespec){wait_ms / 1000,
				 (long)(wait_ms % 1000) * 1000000};
}

/* What was to take wait_ms and to give `wanted` has. */
static int
judge(const char *what, long result, long wanted, int64_t began)
{
	int error = errno;
	int64_t took = now_ms() - began;

	if (result == wanted && took >= wait_ms - 20 &&
	    took < wait_ms + SLACK_MS) {
		printf("%s as it should\n", what);
		return 0;
	}
	printf("%s gave %ld (errno %d) after %ld of %d ms\n", what, result,
	       result < 0 ? error : 0, (long)took, wait_ms);
	return 1;
}

static void *
later(void *fd)
{
	struct timespec pause = span();

	nanosleep(&pause, NULL);
	if (write((int)(intptr_t)fd, "x", 1) != 1)
		abort();
	return NULL;
}

/* A pipe that something is written to by another process after wait_ms. */
static int
pipe_later(void)
{
	int ends[2];

	if (pipe(ends) != 0)
		abort();
	if (fork() == 0) {
		later((void *)(intptr_t)ends[1]);
		_exit(0);
	}
	close(ends[1]);
	return ends[0];
}

static int
do_nanosleep(void)
{
	struct timespec pause = span();
	int64_t began = now_ms();

	return judge("nanosleep", nanosleep(&pause, NULL), 0, began);
}

static int
do_poll(void)
{
	int64_t began = now_ms();

	return judge("poll", poll(NULL, 0, wait_ms), 0, began);
}

static int
do_select(void)
{
	struct timeval pause = {wait_ms / 1000, wait_ms % 1000 * 1000};
	int64_t began = now_ms();

	return judge("select", select(0, NULL, NULL, NULL, &pause), 0, began);
}

static int
do_ppoll(void)
{
	struct timespec pause = span();
	int64_t began = now_ms();
	sigset_t mask;

	sigemptyset(&mask);
	return judge("ppoll", ppoll(NULL, 0, &pause, &mask), 0, began);
}

static int
do_epoll(void)
{
	int fd = epoll_create1(0);
	struct epoll_event event;
	int64_t began = now_ms();

	return judge("epoll_wait", epoll_wait(fd, &event, 1, wait_ms), 0,
		     began);
}

static int
do_epoll_forever(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd = epoll_create1(0);
	int from = pipe_later();
	int64_t began = now_ms();

	epoll_ctl(fd, EPOLL_CTL_ADD, from, &event);
	return judge("epoll_wait for ever", epoll_wait(fd, &event, 1, -1), 1,
		     began);
}

static int
do_futex(void)
{
	struct timespec pause = span();
	int64_t began = now_ms();
	uint32_t word = 0;
	long result = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &pause, NULL, 0);

	return judge("futex", result == -1 && errno == ETIMEDOUT, 1, began);
}

static int
do_semaphore(void)
{
	struct timespec until;
	int64_t began = now_ms();
	sem_t sem;

	sem_init(&sem, 0, 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return judge("sem_timedwait",
		     sem_timedwait(&sem, &until) == -1 && errno == ETIMEDOUT, 1,
		     began);
}

static int
do_read(void)
{
	int fd = pipe_later();
	int64_t began = now_ms();
	char c;

	return judge("read", read(fd, &c, 1), 1, began);
}

static int
do_waitpid(void)
{
	int64_t began = now_ms();
	pid_t child = fork();

	if (child == 0) {
		struct timespec pause = span();

		nanosleep(&pause, NULL);
		_exit(7);
	}
	return judge("waitpid", waitpid(child, NULL, 0) == child, 1, began);
}

static int
do_accept(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int64_t began = now_ms();

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (void *)&at, size) || listen(fd, 1) ||
	    getsockname(fd, (void *)&at, &size))
		abort();
	if (fork() == 0) {
		struct timespec pause = span();
		int client = socket(AF_INET, SOCK_STREAM, 0);

		nanosleep(&pause, NULL);
		_exit(connect(client, (void *)&at, size));
	}
	return judge("accept", accept(fd, NULL, NULL) >= 0, 1, began);
}

static int
do_semop(void)
{
	int id = semget(IPC_PRIVATE, 1, 0600 | IPC_CREAT);
	struct sembuf down = {0, -1, 0};
	struct sembuf up = {0, 1, 0};
	int64_t began = now_ms();
	int bad;

	if (fork() == 0) {
		struct timespec pause = span();

		nanosleep(&pause, NULL);
		_exit(semop(id, &up, 1));
	}
	bad = judge("semop", semop(id, &down, 1), 0, began);
	semctl(id, 0, IPC_RMID);
	return bad;
}

/* Registers of all sizes hold values that only this code knows. */
static int
do_registers(void)
{
	int64_t until = now_ms() + wait_ms;
	int bad = 0;

	while (!bad && goes_on(until)) {
		double a = 1.5, b = 2.25, c = 0;
		uint64_t x = 0x0123456789abcdefu;
		long i;

		for (i = 0; i < 200000; i++) {
			c += a * b;
			x = (x << 7 | x >> 57) * 0x9e3779b97f4a7c15u;
			__asm__ volatile(""
					 : "+x"(a), "+x"(b), "+x"(c), "+r"(x));
		}
		bad = c != 200000 * 3.375;
		for (i = 0; i < 200000; i++) {
			x *= 0xf1de83e19937733du;
			x = x >> 7 | x << 57;
		}
		bad |= x != 0x0123456789abcdefu;
	}
	printf("registers %s\n", bad ? "changed" : "as they should");
	return bad;
}

/* A leaf whose data is below the stack pointer. */
static int
do_red_zone(void)
{
	int64_t until = now_ms() + wait_ms;
	uint64_t bad = 0;

	while (!bad && goes_on(until)) {
		uint64_t count = 2000000;

		__asm__ volatile("1: movq %0, -8(%%rsp)\n"
				 "   movq %0, -64(%%rsp)\n"
				 "   movq %0, -128(%%rsp)\n"
				 "   pause\n"
				 "   cmpq %0, -8(%%rsp)\n"
				 "   jne 2f\n"
				 "   cmpq %0, -64(%%rsp)\n"
				 "   jne 2f\n"
				 "   cmpq %0, -128(%%rsp)\n"
				 "   jne 2f\n"
				 "   dec %0\n"
				 "   jnz 1b\n"
				 "   jmp 3f\n"
				 "2: movq $1, %1\n"
				 "3:\n"
				 : "+r"(count), "+r"(bad)
				 :
				 : "memory", "cc");
	}
	printf("red zone %s\n", bad ? "changed" : "as it should");
	return bad != 0;
}

static uint64_t sums[THREADS];

/* Has blocks all the time, in turn with looking at what is in them. */
static void *
allocate(void *number)
{
	int64_t until = now_ms() + wait_ms;
	uint64_t seed = (uintptr_t)number + 1;
	unsigned char *blocks[64] = {0};
	uint64_t bad = 0;

	while (goes_on(until)) {
		for (int i = 0; i < 2000; i++) {
			unsigned slot = (unsigned)(seed >> 33) % 64;
			size_t size = (seed >> 40) % 3000 + 1;

			seed =
			    seed * 6364136223846793005u + 1442695040888963407u;
			if (blocks[slot])
				bad += blocks[slot][0] != slot;
			blocks[slot] = realloc(blocks[slot], size);
			blocks[slot][0] = (unsigned char)slot;
		}
	}
	for (int i = 0; i < 64; i++)
		free(blocks[i]);
	sums[(uintptr_t)number] = bad;
	return NULL;
}

static int
do_threads(void)
{
	pthread_t threads[THREADS];
	uint64_t bad = 0;

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, allocate, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		bad += sums[i];
	}
	printf("blocks %s\n", bad ? "changed" : "as they should");
	return bad != 0;
}

static volatile sig_atomic_t signals;

static void
on_signal(int number)
{
	(void)number;
	signals++;
}

static pid_t
signal_sender(int number)
{
	pid_t child = fork();

	if (child == 0) {
		struct timespec pause = {0, 1000000};
		int64_t until = now_ms() + wait_ms;

		while (goes_on(until) && kill(getppid(), number) == 0)
			nanosleep(&pause, NULL);
		_exit(0);
	}
	return child;
}

/* Signals come all the while, on a stack of their own. */
static int
with_signals(const char *what, void (*handler)(int))
{
	static char stack[65536];
	stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_handler = handler,
				   .sa_flags = SA_ONSTACK | SA_RESTART};
	pid_t child;

	sigaltstack(&other, NULL);
	sigaction(SIGUSR1, &action, NULL);
	child = signal_sender(SIGUSR1);
	allocate((void *)0);
	while (waitpid(child, NULL, 0) < 0)
		;
	sigaltstack(NULL, &other);
	printf("%s %s, stack %s\n", what, signals > 10 ? "ran" : "did not run",
	       other.ss_sp == stack && !other.ss_flags ? "is there"
						       : "is gone");
	return sums[0] || signals <= 10 || other.ss_sp != stack;
}

static int
do_signals(void)
{
	return with_signals("signals", on_signal);
}

/* Handlers that stay for a while, above malloc. */
static void
on_signal_stay(int number)
{
	struct timespec pause = {0, 300000};

	nanosleep(&pause, NULL);
	on_signal(number);
}

static int
do_handlers(void)
{
	return with_signals("handlers", on_signal_stay);
}

static ucontext_t back, there;

static void
coroutine(void)
{
	for (;;) {
		free(malloc(100));
		swapcontext(&there, &back);
	}
}

/* Two stacks, one of them small. */
static int
do_coroutines(void)
{
	int64_t until = now_ms() + wait_ms;
	size_t size = 16384;
	volatile uint64_t turns = 0;

	getcontext(&there);
	there.uc_stack.ss_sp = malloc(size);
	there.uc_stack.ss_size = size;
	makecontext(&there, coroutine, 0);
	while (goes_on(until))
		for (int i = 0; i < 1000; i++, turns = turns + 1)
			swapcontext(&back, &there);
	printf("coroutines %s\n", turns > 1000 ? "as they should" : "stuck");
	return 0;
}

static void *
in_small_stack(void *unused)
{
	struct timespec pause = span();

	(void)unused;
	return (void *)(intptr_t)nanosleep(&pause, NULL);
}

/* The only thread that goes on has 16 KiB, and all signals blocked. */
static int
do_small_stack(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int64_t began = now_ms();
	void *result;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	pthread_create(&thread, &attr, in_small_stack, NULL);
	pthread_join(thread, &result);
	return judge("small stack", (intptr_t)result, 0, began);
}

/* errno belongs to the thread. */
static int
do_errno(void)
{
	int64_t until = now_ms() + wait_ms;
	int bad = 0;

	errno = 4711;
	while (!bad && goes_on(until))
		for (int i = 0; i < 100000; i++)
			bad |= errno != 4711;
	printf("errno %s\n", bad ? "changed" : "as it should");
	return bad;
}

/* The longest time that a thread with nothing to do but look at the clock did
 * not get to it. */
static void *
heartbeat(void *worst)
{
	int64_t until = now_ms() + wait_ms;
	struct timespec pause = {0, 1000000};
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	while (goes_on(until)) {
		int64_t us;

		nanosleep(&pause, NULL);
		clock_gettime(CLOCK_MONOTONIC, &b);
		us = (int64_t)(b.tv_sec - a.tv_sec) * 1000000 +
		     (b.tv_nsec - a.tv_nsec) / 1000;
		if (us > *(int64_t *)worst)
			*(int64_t *)worst = us;
		a = b;
	}
	return NULL;
}

static int
do_heartbeat(void)
{
	pthread_t threads[3];
	int64_t worst = 0;

	pthread_create(&threads[0], NULL, heartbeat, &worst);
	for (uintptr_t i = 1; i < 3; i++)
		pthread_create(&threads[i], NULL, allocate, (void *)i);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	printf("worst pause %ld us\n", (long)worst);
	return sums[1] || sums[2];
}

static const struct {
	const char *name;
	int (*run)(void);
} kinds[] = {
    {"nanosleep", do_nanosleep},
    {"poll", do_poll},
    {"select", do_select},
    {"ppoll", do_ppoll},
    {"epoll", do_epoll},
    {"epoll-forever", do_epoll_forever},
    {"futex", do_futex},
    {"semaphore", do_semaphore},
    {"read", do_read},
    {"waitpid", do_waitpid},
    {"accept", do_accept},
    {"semop", do_semop},
    {"registers", do_registers},
    {"red-zone", do_red_zone},
    {"threads", do_threads},
    {"signals", do_signals},
    {"handlers", do_handlers},
    {"coroutines", do_coroutines},
    {"small-stack", do_small_stack},
    {"errno", do_errno},
    {"heartbeat", do_heartbeat},
};

int
main(int argc, char **argv)
{
	if (argc > 2)
		wait_ms = (int)(atof(argv[2]) * 1000);
	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(*kinds);
	     i++) {
		if (strcmp(argv[1], kinds[i].name) != 0)
			continue;
		puts("ready");
		fflush(stdout);
		return kinds[i].run();
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		puts(kinds[i].name);
	return 2;
}
