/* child.c - starts the program of `run`, forwards signals to it and waits. */
#include "config.h"

#include "cmd/child.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/subcommand.h"

static const int forwarded[] = {SIGHUP,	 SIGINT,  SIGQUIT,
				SIGTERM, SIGUSR1, SIGUSR2};

static void
held_signals(sigset_t *set)
{
	size_t i;

	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (i = 0; i < sizeof(forwarded) / sizeof(*forwarded); i++)
		sigaddset(set, forwarded[i]);
}

void
child_signals_hold(struct child *child)
{
	sigset_t set;

	(void)child;
	held_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

void
child_signals_release(struct child *child)
{
	sigprocmask(SIG_SETMASK, &child->mask, NULL);
}

void
child_init(struct child *child)
{
	/* Where SIGCHLD is ignored, as under some supervisors, no child can
	 * be waited for. */
	struct sigaction usual = {.sa_handler = SIG_DFL};

	memset(child, 0, sizeof(*child));
	sigprocmask(SIG_SETMASK, NULL, &child->mask);
	sigaction(SIGCHLD, &usual, &child->on_child);
	child_signals_hold(child);
}

static void
use_descriptor(int fd, int as)
{
	if (fd >= 0 && fd != as)
		dup2(fd, as);
}

/* In the child. Comes back only when exec failed. */
static void
become_program(const struct child *child, const struct child_setup *setup)
{
	if (setup->terminal >= 0) {
		setsid();
		ioctl(setup->terminal, TIOCSCTTY, 0);
	}
	use_descriptor(setup->input, STDIN_FILENO);
	use_descriptor(setup->output, STDOUT_FILENO);
	use_descriptor(setup->output, STDERR_FILENO);
	sigaction(SIGCHLD, &child->on_child, NULL);
	sigprocmask(SIG_SETMASK, &child->mask, NULL);
	if (setup->prepare)
		setup->prepare(setup->context);
	execvp(setup->argv[0], setup->argv);
}

/* Nothing in the pipe means that exec has closed it. */
static int
read_verdict(int fd)
{
	int error = 0;
	ssize_t size;

	do
		size = read(fd, &error, sizeof(error));
	while (size < 0 && errno == EINTR);
	return size == (ssize_t)sizeof(error) ? error : 0;
}

int
child_start(struct child *child, const struct child_setup *setup,
	    bool *executed)
{
	int verdict[2];
	int error;

	*executed = false;
	if (pipe2(verdict, O_CLOEXEC) != 0)
		return errno;
	child->own_terminal = setup->terminal >= 0;
	child->start_ns = clock_ns();
	child->pid = fork();
	if (child->pid == 0) {
		become_program(child, setup);
		error = errno;
		if (write(verdict[1], &error, sizeof(error)) < 0)
			_exit(STATUS_RUN_FAILED);
		_exit(STATUS_NOT_FOUND);
	}
	error = child->pid < 0 ? errno : 0;
	close(verdict[1]);
	if (!error) {
		*executed = true;
		error = read_verdict(verdict[0]);
		if (error)
			waitpid(child->pid, NULL, 0);
	}
	close(verdict[0]);
	return error;
}

bool
child_ended(struct child *child)
{
	if (!child->ended &&
	    waitpid(child->pid, &child->status, WNOHANG) == child->pid)
		child->ended = true;
	return child->ended;
}

static void
forward(const struct child *child, const siginfo_t *info)
{
	/* The keyboard's signals go to all of the foreground by themselves;
	 * one that the program sent to its whole group has reached it too. */
	if (!child->own_terminal && info->si_code == SI_KERNEL)
		return;
	if (info->si_code <= 0 && info->si_pid == child->pid)
		return;
	kill(child->pid, info->si_signo);
}

bool
child_wait(struct child *child, int timeout_ms)
{
	uint64_t end = clock_ns() + (uint64_t)timeout_ms * 1000000u;
	sigset_t set;

	held_signals(&set);
	while (!child_ended(child)) {
		struct timespec rest = {.tv_sec = 3600};
		siginfo_t info;
		uint64_t now = clock_ns();

		if (timeout_ms >= 0 && now >= end)
			return false;
		if (timeout_ms >= 0) {
			rest.tv_sec = (time_t)((end - now) / 1000000000u);
			rest.tv_nsec = (long)((end - now) % 1000000000u);
		}
		if (sigtimedwait(&set, &info, &rest) > 0 &&
		    info.si_signo != SIGCHLD)
			forward(child, &info);
	}
	return true;
}

int
child_exit_status(const struct child *child)
{
	if (WIFSIGNALED(child->status))
		return STATUS_SIGNAL + WTERMSIG(child->status);
	return WEXITSTATUS(child->status);
}
