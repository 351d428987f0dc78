/* process.c - what programs do to their own process, and to its threads. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"
#include "heaptop/wire.h"

KEEPER(kept)
KEEPER(passing)

static void
keep(int count)
{
	for (int i = 0; i < count; i++)
		kept(50);
}

static pthread_key_t key;

static void
destroy(void *block)
{
	static void *first;
	void *none = NULL;

	/* The first stays, to be found in the report. */
	if (!__atomic_compare_exchange_n(&first, &none, block, 0,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		passing_drop(block, 50);
	passing_drop(passing(60), 60);
}

static void *
live_shortly(void *unused)
{
	pthread_setspecific(key, passing(50));
	return unused;
}

/* Each ends with destructors that allocate. */
static int
run_short_threads(void)
{
	enum { ROUNDS = 625, WIDTH = 16 };

	if (pthread_key_create(&key, destroy))
		return 1;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t threads[WIDTH];

		for (int j = 0; j < WIDTH; j++)
			if (pthread_create(&threads[j], NULL, live_shortly,
					   NULL))
				return 2;
		for (int j = 0; j < WIDTH; j++)
			pthread_join(threads[j], NULL);
	}
	return 0;
}

static int
run_fork_bomb(void)
{
	enum { CHILDREN = 400 };
	int failed = 0;
	int gate[2];
	char byte;

	if (pipe(gate))
		return 1;
	keep(1000);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 2;
		if (pid)
			continue;
		close(gate[1]);
		for (int j = 0; j < 100; j++)
			free(malloc((size_t)j));
		_exit(read(gate[0], &byte, 1) != 0);
	}
	close(gate[1]);
	for (int i = 0; i < CHILDREN; i++) {
		int status = 1;

		failed += wait(&status) < 0 || status != 0;
	}
	return failed != 0;
}

/* All that is low is closed, and opened again as other things. */
static int
run_closed_descriptors(void)
{
	int output = fcntl(1, F_DUPFD, 500);

	segment_wait();
	for (int i = 0; i < 400; i++)
		close(i);
	keep(500);
	for (int i = 0; i < 100; i++)
		if (open("/dev/null", O_RDWR) != i)
			return 1;
	keep(500);
	return dup2(output, 1) != 1;
}

static int
run_few_descriptors(void)
{
	struct rlimit none = {0, 0};

	segment_wait();
	keep(100);
	if (setrlimit(RLIMIT_NOFILE, &none))
		return 1;
	keep(1000);
	return 0;
}

/* A file may not grow: whoever tries is sent a signal that ends it. */
static int
run_no_files(void)
{
	struct rlimit none = {0, 0};

	segment_wait();
	if (setrlimit(RLIMIT_FSIZE, &none))
		return 1;
	for (int i = 0; i < 50000; i++)
		kept(20 + (size_t)i % 7);
	return 0;
}

static int
run_little_stack(void)
{
	struct rlimit little = {65536, 65536};

	if (setrlimit(RLIMIT_STACK, &little))
		return 1;
	keep(1000);
	return 0;
}

static int
run_no_root(void)
{
	segment_wait();
	keep(100);
	if (chroot("/proc/self/fdinfo") || chdir("/"))
		return 77;
	keep(1000);
	return 0;
}

static int
run_daemon(void)
{
	keep(10);
	if (daemon(0, 1))
		return 1;
	keep(1000);
	return 0;
}

/* Only read, write, exit and sigreturn from here on, and that in this thread:
 * it goes without telling the C library. */
static int
run_strict(void)
{
	segment_wait();
	keep(100);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		return 77;
	for (int i = 0; i < 500; i++)
		free(malloc(50));
	books_tell();
	syscall(SYS_exit, 5);
	return 1;
}

/* Every system call of every thread fails, but those to say so and to end. */
static int
run_filtered(void)
{
	struct sock_filter filter[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 4, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 3, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

	segment_wait();
	keep(100);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		return 77;
	keep(1000);
	return 0;
}

static int
run_borrowed(void)
{
	int status;

	for (int i = 0; i < 200; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			kept(11);
			_exit(3);
		}
		if (waitpid(pid, &status, 0) != pid || status != 3 << 8)
			return 1;
	}
	return 0;
}

static volatile int over;

static void *
be_short(void *unused)
{
	return unused;
}

static void *
begin_threads(void *unused)
{
	pthread_t thread;

	while (!over)
		if (!pthread_create(&thread, NULL, be_short, NULL))
			pthread_join(thread, NULL);
	return unused;
}

/* What locks there are about threads may be held when a child is made. */
static int
run_fork_beside_threads(void)
{
	pthread_t beside[2];
	int status = 0;

	for (int i = 0; i < 2; i++)
		if (pthread_create(&beside[i], NULL, begin_threads, NULL))
			return 1;
	for (int i = 0; i < 1000 && !status; i++) {
		pid_t pid = fork();

		if (!pid) {
			alarm(60);
			_exit(0);
		}
		kept(50);
		if (waitpid(pid, &status, 0) != pid)
			return 2;
	}
	over = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(beside[i], NULL);
	return status ? 3 : 0;
}

/* How often the agent has published. */
static uint64_t
ticks_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t count = 0;

	if (pread(fd, &count, sizeof(count), WIRE_TURN_OFFSET) < 0)
		count = 0;
	close(fd);
	return count;
}

/* Whether no thread of the agent is at work. */
static int
agent_sleeps(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	int works = 0;

	while ((entry = readdir(tasks))) {
		char path[300];
		char text[64] = "";
		int fd;

		snprintf(path, sizeof(path), "/proc/self/task/%s/stat",
			 entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (read(fd, text, sizeof(text) - 1) > 0 &&
		    strstr(text, "(heaptop)"))
			works |= !strstr(text, ") S ");
		close(fd);
	}
	closedir(tasks);
	return !works;
}

/* Between two ticks, which are a second apart, since it cannot be helped in the
 * midst of one. Then there is a new one. */
static void
cut(const char *path, off_t length)
{
	uint64_t ticks = ticks_of(path);
	struct stat found;

	while (ticks_of(path) <= ticks || !agent_sleeps())
		poll(NULL, 0, 1);
	if (truncate(path, length))
		abort();
	while (stat(path, &found) || found.st_size <= length)
		poll(NULL, 0, 1);
}

static int
run_cut_segment(void)
{
	const char *directory = getenv("FAULT_READY");
	const off_t lengths[] = {0, WIRE_BODY_OFFSET, 3000};

	segment_wait();
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		keep(1000);
		if (directory)
			cut(segment_path(directory), lengths[i]);
		keep(1000);
	}
	return 0;
}

static const struct fault_case cases[] = {
    {"short-threads", run_short_threads},
    {"fork-bomb", run_fork_bomb},
    {"closed-descriptors", run_closed_descriptors},
    {"few-descriptors", run_few_descriptors},
    {"no-files", run_no_files},
    {"little-stack", run_little_stack},
    {"no-root", run_no_root},
    {"daemon", run_daemon},
    {"strict", run_strict},
    {"filtered", run_filtered},
    {"borrowed", run_borrowed},
    {"fork-beside-threads", run_fork_beside_threads},
    {"cut-segment", run_cut_segment},
    {NULL, NULL},
};

int
main(int argc, char **argv)
{
	return case_run(argc, argv, cases);
}
