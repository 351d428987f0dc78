/* screen_signal.c - signals, and the way out of curses that always works. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "viewer/screen_signal.h"

static const int wishes[] = {SIGINT,  SIGTERM, SIGHUP,
			     SIGQUIT, SIGTSTP, SIGWINCH};
static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define WISHES	(sizeof(wishes) / sizeof(*wishes))
#define CRASHES (sizeof(crashes) / sizeof(*crashes))

static struct {
	struct sigaction wish_actions[WISHES];	 /* as they were */
	struct sigaction crash_actions[CRASHES]; /* as they were */
	int pipe[2];
	int fd; /* the terminal */
	struct termios modes;
	bool has_modes;
	volatile sig_atomic_t guarded;
	bool hooked;	   /* atexit */
	char restore[512]; /* what brings the normal screen back */
	size_t restore_size;
} signals;

static void
on_wish(int number)
{
	int saved = errno;
	unsigned char byte = (unsigned char)number;

	/* A full pipe holds enough wishes already. */
	if (write(signals.pipe[1], &byte, 1) < 0)
		errno = saved;
	errno = saved;
}

/* Only calls that are safe in a signal handler. */
static void
restore_now(void)
{
	if (!signals.guarded)
		return;
	signals.guarded = 0;
	if (write(STDOUT_FILENO, signals.restore, signals.restore_size) < 0)
		return;
	if (signals.has_modes)
		tcsetattr(signals.fd, TCSANOW, &signals.modes);
}

static void
on_crash(int number)
{
	restore_now();
	raise(number); /* SA_RESETHAND: takes its course when we return */
}

static void
on_exit_restore(void)
{
	restore_now();
}

void
signals_take(void)
{
	struct sigaction action = {.sa_handler = on_wish,
				   .sa_flags = SA_RESTART};

	signals.has_modes = !tcgetattr(STDOUT_FILENO, &signals.modes);
	if (pipe2(signals.pipe, O_CLOEXEC | O_NONBLOCK))
		signals.pipe[0] = signals.pipe[1] = -1;
	for (size_t i = 0; i < WISHES; i++)
		sigaction(wishes[i], &action, &signals.wish_actions[i]);
}

void
signals_guard(int fd, const char *restore)
{
	struct sigaction action = {.sa_handler = on_crash,
				   .sa_flags = (int)SA_RESETHAND};

	signals.fd = fd;
	signals.restore_size = strnlen(restore, sizeof(signals.restore));
	memcpy(signals.restore, restore, signals.restore_size);
	signals.guarded = 1;
	for (size_t i = 0; i < CRASHES; i++)
		sigaction(crashes[i], &action, &signals.crash_actions[i]);
	if (!signals.hooked)
		signals.hooked = !atexit(on_exit_restore);
}

void
signals_give_back(void)
{
	if (signals.guarded)
		for (size_t i = 0; i < CRASHES; i++)
			sigaction(crashes[i], &signals.crash_actions[i], NULL);
	signals.guarded = 0;
	for (size_t i = 0; i < WISHES; i++)
		sigaction(wishes[i], &signals.wish_actions[i], NULL);
	close(signals.pipe[0]);
	close(signals.pipe[1]);
	signals.pipe[0] = signals.pipe[1] = -1;
}

int
signals_fd(void)
{
	return signals.pipe[0];
}

int
signals_next(void)
{
	unsigned char byte;

	return read(signals.pipe[0], &byte, 1) == 1 ? byte : 0;
}

void
signals_stop(void)
{
	struct sigaction stop = {.sa_handler = SIG_DFL};
	struct sigaction saved;
	sigset_t set;

	sigaction(SIGTSTP, &stop, &saved);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(SIGTSTP);
	sigaction(SIGTSTP, &saved, NULL);
}
