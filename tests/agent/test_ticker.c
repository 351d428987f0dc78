/*
 * test_ticker.c - the ticker, by the eyes of a viewer: a program with the
 * agent in it runs in a child, and this process reads and writes its segment.
 *
 * The program: `test_ticker target`. It allocates, says so by a byte on its
 * standard output, and waits for a byte on its standard input: 'a' allocate
 * once more, 'f' fork a child that does the same, 'x' exit, '_' _exit.
 */
#include "config.h"

#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reader.h"

#define SIZE 12345

static void
say(char what)
{
	if (write(1, &what, 1) != 1)
		_exit(9);
}

static int
target(void)
{
	void *volatile blocks[64] = {NULL};
	int count = 0;
	char wish = 'a';

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (wish == 'a')
			blocks[count++ % 64] = malloc(SIZE);
		if (wish == 'f' && fork() == 0) {
			blocks[count++ % 64] = malloc(SIZE);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			say('c');
			for (;;)
				pause();
		}
		if (wish == '_')
			_exit(5);
		if (wish == 'x')
			return blocks[0] ? 5 : 6;
		say(wish);
		if (read(0, &wish, 1) != 1)
			return 7;
	}
}

static struct {
	char directory[64];
	pid_t pid;
	int in;
	int out;
} run;

static void
ask(char wish, char answer)
{
	char got = 0;

	if (wish)
		assert_int_equal(write(run.in, &wish, 1), 1);
	assert_int_equal(read(run.out, &got, 1), 1);
	assert_int_equal(got, answer);
}

static void
start(const char *keep)
{
	int in[2];
	int out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	run.pid = fork();
	if (!run.pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		setenv("HEAPTOP_DIR", run.directory, 1);
		setenv("HEAPTOP_KEEP", keep, 1);
		execl("/proc/self/exe", "test_ticker", "target", NULL);
		_exit(99);
	}
	close(in[0]);
	close(out[1]);
	run.in = in[1];
	run.out = out[0];
	ask(0, 'a');
}

static int
finish(char how)
{
	int status;

	assert_int_equal(write(run.in, &how, 1), 1);
	assert_int_equal(waitpid(run.pid, &status, 0), run.pid);
	close(run.in);
	close(run.out);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The segment of a process, or of any but `pid` when not is set. */
static const char *
find(pid_t pid, bool is_not)
{
	static char path[400];
	DIR *dir = opendir(run.directory);
	struct dirent *entry;
	bool found = false;

	while (!found && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    (atoi(entry->d_name) == pid) == is_not)
			continue;
		snprintf(path, sizeof(path), "%s/%s", run.directory,
			 entry->d_name);
		found = true;
	}
	closedir(dir);
	return found ? path : NULL;
}

static struct wire_control *
map_control(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *control = mmap(NULL, WIRE_PAGE, PROT_READ | PROT_WRITE,
			     MAP_SHARED, fd, WIRE_CONTROL_OFFSET);

	close(fd);
	assert_ptr_not_equal(control, MAP_FAILED);
	return control;
}

static uint64_t
blocks_of_size(const struct reader *reader)
{
	uint64_t count = 0;

	for (uint64_t i = 1; i <= reader->status.sites; i++) {
		const struct wire_totals *totals = &reader->sites[i].totals;

		if (reader->sites[i].there && totals->alloc_count &&
		    totals->alloc_bytes == totals->alloc_count * SIZE)
			count += totals->alloc_count;
	}
	return count;
}

static bool
shows(const char *path, uint64_t blocks)
{
	struct reader reader = {0};
	bool good = path && reader_read_file(&reader, path) &&
		    blocks_of_size(&reader) == blocks;

	reader_fini(&reader);
	return good;
}

static void
wake(struct wire_control *control)
{
	__atomic_add_fetch(&control->wake, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &control->wake, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static uint32_t
flush_done(const char *path)
{
	struct reader reader = {0};
	uint32_t done = 0;

	if (reader_read_file(&reader, path))
		done = reader.status.flush_done;
	reader_fini(&reader);
	return done;
}

static void
test_a_tick_comes_by_itself(void **state)
{
	(void)state;
	start("0");
	assert_true(WAIT_FOR(shows(find(run.pid, false), 1)));
	ask('a', 'a');
	assert_true(WAIT_FOR(shows(find(run.pid, false), 2)));
	assert_int_equal(finish('x'), 5);
	assert_null(find(run.pid, false));
}

static void
test_a_flush_is_served_at_once(void **state)
{
	struct wire_control *control;
	struct timespec before;
	struct timespec after;

	(void)state;
	start("0");
	assert_true(WAIT_FOR(shows(find(run.pid, false), 1)));
	control = map_control(find(run.pid, false));
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (uint32_t i = 1; i <= 10; i++) {
		ask('a', 'a');
		control->flush_wanted = i;
		wake(control);
		assert_true(WAIT_FOR(flush_done(find(run.pid, false)) == i));
		assert_true(shows(find(run.pid, false), 1 + i));
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	/* Ten that came by themselves would take ten seconds. */
	assert_true(after.tv_sec - before.tv_sec < 8);
	munmap(control, WIRE_PAGE);
	assert_int_equal(finish('x'), 5);
}

static uint64_t
tick_of(const char *path)
{
	struct reader reader = {0};
	uint64_t tick = 0;

	if (reader_read_file(&reader, path))
		tick = reader.status.tick;
	reader_fini(&reader);
	return tick;
}

static void
scribble(struct wire_control *control, uint64_t *seed)
{
	uint64_t *words = (uint64_t *)control;

	for (int i = 0; i < 500; i++) {
		words[random_below(seed, WIRE_PAGE / 8)] = random_next(seed);
		words[random_below(seed, 4)] =
		    random_below(seed, 2) ? UINT64_MAX : random_next(seed);
		if (i % 16 == 0)
			wake(control);
	}
	control->flush_wanted = (uint32_t)random_next(seed);
	wake(control);
}

static void
test_a_hostile_control_page_does_no_harm(void **state)
{
	struct wire_control *control;
	uint64_t seed = 31;
	const char *path;

	(void)state;
	start("0");
	assert_true(WAIT_FOR(shows(find(run.pid, false), 1)));
	path = find(run.pid, false);
	control = map_control(path);
	for (int burst = 0; burst < 40; burst++) {
		uint64_t tick = tick_of(path);

		scribble(control, &seed);
		assert_true(WAIT_FOR(tick_of(path) > tick));
	}
	/* Everything as it was: exact, and no budget. */
	memset(control, 0, sizeof(*control));
	control->sample_bytes = 1;
	control->budget_ppm = ~UINT32_C(0);
	control->flush_wanted = 77;
	wake(control);
	assert_true(WAIT_FOR(flush_done(path) == 77));
	ask('a', 'a');
	assert_true(WAIT_FOR(shows(path, 2)));
	munmap(control, WIRE_PAGE);
	assert_int_equal(finish('x'), 5);
}

/* From exact to sampled and back: what was counted stays, the records grow. */
static void
test_records_grow_with_the_first_rate(void **state)
{
	struct wire_control *control;
	struct reader reader = {0};
	uint32_t flush = 0;
	const char *path;

	(void)state;
	start("0");
	assert_true(WAIT_FOR(shows(find(run.pid, false), 1)));
	path = find(run.pid, false);
	control = map_control(path);
	assert_true(reader_read_file(&reader, path));
	assert_int_equal(reader.status.record_bytes, WIRE_RECORD_EXACT);
	assert_int_equal(reader.status.sample_bytes, 1);
	for (uint64_t rate = SIZE * 4; rate; rate = rate > 1 ? 1 : 0) {
		control->sample_bytes = rate;
		control->flush_wanted = ++flush;
		wake(control);
		assert_true(WAIT_FOR(flush_done(path) == flush));
		for (int i = 0; i < 60; i++)
			ask('a', 'a');
		control->flush_wanted = ++flush;
		wake(control);
		assert_true(WAIT_FOR(flush_done(path) == flush));
		assert_true(reader_read_file(&reader, path));
		assert_int_equal(reader.status.sample_bytes, rate);
		assert_int_equal(reader.status.record_bytes,
				 WIRE_RECORD_SAMPLED);
	}
	/* 61 in full, and about 60 by a quarter of them; 8 sigma. */
	assert_in_range(blocks_of_size(&reader), 61, 61 + 60 + 112);
	reader_fini(&reader);
	munmap(control, WIRE_PAGE);
	assert_int_equal(finish('x'), 5);
}

static uint32_t
state_of(const char *path)
{
	struct reader reader = {0};
	uint32_t state = 0;

	if (reader_read_file(&reader, path))
		state = reader.status.state;
	reader_fini(&reader);
	return state;
}

static void
test_a_viewer_may_stop_the_recording(void **state)
{
	struct wire_control *control;
	const char *path;

	(void)state;
	start("0");
	assert_true(WAIT_FOR(shows(find(run.pid, false), 1)));
	path = find(run.pid, false);
	control = map_control(path);
	control->stop = 1;
	wake(control);
	assert_true(WAIT_FOR(state_of(path) == WIRE_STATE_DORMANT));
	for (int i = 0; i < 10; i++)
		ask('a', 'a');
	control->stop = 0;
	wake(control);
	assert_true(WAIT_FOR(state_of(path) == WIRE_STATE_RUNNING));
	ask('a', 'a');
	assert_true(WAIT_FOR(shows(path, 2)));
	munmap(control, WIRE_PAGE);
	assert_int_equal(finish('x'), 5);
}

static void
test_a_forked_child_has_its_own(void **state)
{
	struct reader reader = {0};
	pid_t child;

	(void)state;
	start("0");
	assert_true(WAIT_FOR(shows(find(run.pid, false), 1)));
	assert_int_equal(write(run.in, "f", 1), 1);
	for (int i = 0; i < 2; i++) {
		char got = 0;

		assert_int_equal(read(run.out, &got, 1), 1);
		assert_true(got == 'c' || got == 'f');
	}
	/* What it had from its parent, and one of its own. */
	assert_true(WAIT_FOR(shows(find(run.pid, true), 2)));
	assert_true(reader_read_file(&reader, find(run.pid, true)));
	reader_fini(&reader);
	child = atoi(strrchr(find(run.pid, true), '/') + 1);
	ask('a', 'a');
	assert_true(WAIT_FOR(shows(find(run.pid, false), 2)));
	kill(child, SIGKILL);
	unlink(find(run.pid, true));
	assert_int_equal(finish('x'), 5);
}

static void
end_and_read(char how)
{
	struct reader reader = {0};

	start("1");
	ask('a', 'a');
	assert_int_equal(finish(how), 5);
	assert_non_null(find(run.pid, false));
	assert_true(reader_read_file(&reader, find(run.pid, false)));
	assert_int_equal(reader.status.state, WIRE_STATE_EXITED);
	assert_int_equal(blocks_of_size(&reader), 2);
	assert_true(reader_is_named(&reader));
	reader_fini(&reader);
	unlink(find(run.pid, false));
}

static void
test_the_last_totals_are_final(void **state)
{
	(void)state;
	end_and_read('x');
	end_and_read('_');
}

/* Who exits waits for it only for a while, and leaves no file for ever. */
static void
test_a_ticker_without_cpu_leaves_no_file(void **state)
{
	(void)state;
	setenv("FAULT_STALL", "2", 1);
	start("0");
	unsetenv("FAULT_STALL");
	assert_true(WAIT_FOR(shows(find(run.pid, false), 1)));
	assert_int_equal(finish('x'), 5);
	assert_null(find(run.pid, false));
}

static void
test_what_a_killed_program_leaves_is_readable(void **state)
{
	int status;

	(void)state;
	start("0");
	assert_true(WAIT_FOR(shows(find(run.pid, false), 1)));
	kill(run.pid, SIGKILL);
	waitpid(run.pid, &status, 0);
	close(run.in);
	close(run.out);
	assert_true(shows(find(run.pid, false), 1));
	unlink(find(run.pid, false));
}

/* Whether a process has the segment open. */
static bool
has_open(pid_t pid)
{
	char path[64];
	char link[512];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		ssize_t size = readlinkat(dirfd(dir), entry->d_name, link,
					  sizeof(link) - 1);

		link[size > 0 ? size : 0] = '\0';
		found |= strstr(link, run.directory) != NULL;
	}
	closedir(dir);
	return found;
}

static void
test_the_program_has_no_descriptor_of_it(void **state)
{
	(void)state;
	start("0");
	assert_true(WAIT_FOR(shows(find(run.pid, false), 1)));
	assert_false(has_open(run.pid));
	assert_int_equal(finish('x'), 5);
}

static int
make_directory(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	strcpy(run.directory, "/tmp/heaptop-test-XXXXXX");
	return mkdtemp(run.directory) ? 0 : -1;
}

static int
remove_directory(void **state)
{
	(void)state;
	return rmdir(run.directory);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_tick_comes_by_itself),
	    cmocka_unit_test(test_a_flush_is_served_at_once),
	    cmocka_unit_test(test_a_hostile_control_page_does_no_harm),
	    cmocka_unit_test(test_records_grow_with_the_first_rate),
	    cmocka_unit_test(test_a_viewer_may_stop_the_recording),
	    cmocka_unit_test(test_a_forked_child_has_its_own),
	    cmocka_unit_test(test_the_last_totals_are_final),
	    cmocka_unit_test(test_a_ticker_without_cpu_leaves_no_file),
	    cmocka_unit_test(test_what_a_killed_program_leaves_is_readable),
	    cmocka_unit_test(test_the_program_has_no_descriptor_of_it),
	};

	if (argc > 1 && strcmp(argv[1], "target") == 0)
		return target();
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
