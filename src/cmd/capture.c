/* capture.c - a terminal for the program, and what it writes to it. */
#include "config.h"

#include "cmd/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

enum { PENDING_MAX = 1 << 20, READ_SIZE = 16384, QUIET_MS = 100 };

struct capture {
	int master;
	int terminal; /* -1 once the program has it */
	int file;     /* -1 none */
	int ready;    /* eventfd: there are bytes */
	int stop;     /* eventfd: end when nothing comes any more */
	char *path;
	struct winsize size;
	pthread_t thread;
	bool started;
	_Atomic bool wrote;

	pthread_mutex_t lock; /* for what follows */
	bool pass;
	char *pending;
	size_t pending_size;
};

static void
eventfd_add(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return; /* full: it is readable anyway */
}

static bool
terminal_open(struct capture *capture)
{
	const char *name;

	capture->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (capture->master < 0 || grantpt(capture->master) != 0 ||
	    unlockpt(capture->master) != 0)
		return false;
	name = ptsname(capture->master);
	if (!name)
		return false;
	capture->terminal = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return capture->terminal >= 0;
}

/* Lines of the file and the pane end as the program ended them. */
static void
terminal_set(struct capture *capture)
{
	struct termios mode;

	if (tcgetattr(capture->terminal, &mode) == 0) {
		mode.c_oflag &= ~(tcflag_t)ONLCR;
		tcsetattr(capture->terminal, TCSANOW, &mode);
	}
	capture_resize(capture);
}

struct capture *
capture_open(struct err *err)
{
	struct capture *capture = mem_alloc(sizeof(*capture));

	capture->master = capture->terminal = capture->file = -1;
	capture->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	capture->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&capture->lock, NULL);
	capture->pending = mem_alloc(PENDING_MAX);
	if (capture->ready < 0 || capture->stop < 0 ||
	    !terminal_open(capture)) {
		err_errno(err, "cannot open a terminal for the program; use "
			       "--output inherit");
		capture_close(capture, 0, NULL);
		return NULL;
	}
	terminal_set(capture);
	return capture;
}

int
capture_terminal(const struct capture *capture)
{
	return capture->terminal;
}

const char *
capture_path(const struct capture *capture)
{
	return capture->path;
}

int
capture_fd(const struct capture *capture)
{
	return capture->ready;
}

void
capture_resize(struct capture *capture)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 ||
	    memcmp(&size, &capture->size, sizeof(size)) == 0)
		return;
	capture->size = size;
	ioctl(capture->master, TIOCSWINSZ, &size);
}

/* Makes every directory of path. */
static bool
make_directories(char *path)
{
	char *slash = path;

	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST) {
			*slash = '/';
			return false;
		}
		*slash = '/';
	}
	return true;
}

static char *
log_path(pid_t pid)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");

	if (state && *state == '/')
		return mem_format("%s/heaptop/run-%d.log", state, (int)pid);
	if (home && *home == '/')
		return mem_format("%s/.local/state/heaptop/run-%d.log", home,
				  (int)pid);
	return NULL;
}

static bool
log_open(struct capture *capture, pid_t pid, struct err *err)
{
	char *path = log_path(pid);

	if (!path)
		return err_set(err, "no file for the program's output: neither "
				    "XDG_STATE_HOME nor HOME is set");
	if (make_directories(path))
		capture->file = open(
		    path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (capture->file < 0) {
		err_errno(err, "cannot write the program's output to '%s'",
			  path);
		free(path);
		return false;
	}
	capture->path = path;
	return true;
}

static void
write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t done = write(fd, bytes, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return; /* a full disk or a closed pipe: go on */
		bytes += done;
		size -= (size_t)done;
	}
}

/* Keeps the newest PENDING_MAX bytes, at least half of them. */
static void
pending_add(struct capture *capture, const char *bytes, size_t size)
{
	if (capture->pending_size + size > PENDING_MAX) {
		size_t keep = capture->pending_size / 2;

		memmove(capture->pending,
			capture->pending + capture->pending_size - keep, keep);
		capture->pending_size = keep;
	}
	memcpy(capture->pending + capture->pending_size, bytes, size);
	capture->pending_size += size;
	eventfd_add(capture->ready);
}

/* To the pane, or to our own output once there is no pane. */
static void
show(struct capture *capture, const char *bytes, size_t size)
{
	bool pass;

	pthread_mutex_lock(&capture->lock);
	pass = capture->pass;
	if (!pass)
		pending_add(capture, bytes, size);
	pthread_mutex_unlock(&capture->lock);
	if (pass)
		write_all(STDOUT_FILENO, bytes, size);
}

/* Returns false at the end of the terminal. */
static bool
read_some(struct capture *capture)
{
	char bytes[READ_SIZE];
	ssize_t size = read(capture->master, bytes, sizeof(bytes));

	if (size < 0)
		return errno == EINTR || errno == EAGAIN;
	if (size == 0)
		return false;
	atomic_store(&capture->wrote, true);
	if (capture->file >= 0)
		write_all(capture->file, bytes, (size_t)size);
	show(capture, bytes, (size_t)size);
	return true;
}

static void *
reader(void *context)
{
	struct capture *capture = context;
	struct pollfd wait[2] = {
	    {.fd = capture->master, .events = POLLIN},
	    {.fd = capture->stop, .events = POLLIN},
	};
	bool stopping = false;

	/* Once told to stop it ends as soon as nothing comes any more: children
	 * of the program may live on and keep the terminal open. */
	for (;;) {
		int count = poll(wait, 2, stopping ? QUIET_MS : -1);

		if (count < 0 && errno != EINTR)
			break;
		if (count == 0)
			break;
		if (count > 0 && wait[1].revents) {
			stopping = true;
			wait[1].fd = -1;
		}
		if (count > 0 && wait[0].revents && !read_some(capture))
			break;
	}
	return NULL;
}

bool
capture_start(struct capture *capture, pid_t pid, struct err *err)
{
	bool logged = log_open(capture, pid, err);
	sigset_t all, old;

	close(capture->terminal);
	capture->terminal = -1;
	/* Signals are for the thread that waits for the program. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	capture->started =
	    pthread_create(&capture->thread, NULL, reader, capture) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!capture->started)
		return err_set(err, "cannot start a thread to read the "
				    "program's output");
	return logged;
}

void
capture_take(struct capture *capture, struct output_log *log)
{
	uint64_t ignored;

	if (read(capture->ready, &ignored, sizeof(ignored)) < 0)
		return;
	pthread_mutex_lock(&capture->lock);
	output_log_append(log, capture->pending, capture->pending_size);
	capture->pending_size = 0;
	pthread_mutex_unlock(&capture->lock);
}

void
capture_pass(struct capture *capture)
{
	pthread_mutex_lock(&capture->lock);
	capture->pass = true;
	write_all(STDOUT_FILENO, capture->pending, capture->pending_size);
	capture->pending_size = 0;
	pthread_mutex_unlock(&capture->lock);
}

static void
close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

/*
 * Waits for the reader's end. It ends by itself unless it is stuck in a write
 * to a terminal that takes nothing, or a child of the program never stops
 * writing: false, and then it is left behind with what it uses.
 */
static bool
reader_join(struct capture *capture, int timeout_ms)
{
	struct timespec end;

	eventfd_add(capture->stop);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += timeout_ms / 1000;
	if (pthread_timedjoin_np(capture->thread, NULL, &end) == 0)
		return true;
	pthread_detach(capture->thread);
	return false;
}

void
capture_close(struct capture *capture, int timeout_ms, char **path)
{
	bool alone = !capture->started || reader_join(capture, timeout_ms);

	if (path)
		*path = NULL;
	if (path && capture->path && atomic_load(&capture->wrote))
		*path = mem_string(capture->path);
	else if (capture->path)
		unlink(capture->path);
	if (!alone)
		return;
	close_if_open(capture->master);
	close_if_open(capture->terminal);
	close_if_open(capture->file);
	close_if_open(capture->ready);
	close_if_open(capture->stop);
	free(capture->path);
	free(capture->pending);
	pthread_mutex_destroy(&capture->lock);
	free(capture);
}
