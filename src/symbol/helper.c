/*
 * helper.c - the process that reads the target's ELF and DWARF files: how it
 * is started and ended. What it does is in serve.c.
 *
 * A fork without an exec: no path to find, and the program is small. So the
 * child first gives up all it inherited that it could do harm with.
 */
#include "config.h"

#include "symbol/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ADDRESS_SPACE_MAX ((rlim_t)16 << 30)

/* No handler of the viewer's may run here; nor does ^C end the helper, since
 * the viewer decides what that key means. */
static void
reset_signals(void)
{
	static const int ignored[] = {SIGINT,  SIGQUIT, SIGHUP, SIGPIPE,
				      SIGTSTP, SIGTTIN, SIGTTOU};
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
limit(int resource, rlim_t most)
{
	struct rlimit now;

	if (getrlimit(resource, &now) == 0 && now.rlim_cur > most) {
		now.rlim_cur = most;
		setrlimit(resource, &now);
	}
}

/* A sanitizer maps terabytes for itself. */
static void
set_limits(void)
{
	limit(RLIMIT_CORE, 0);
#ifndef __SANITIZE_ADDRESS__
	limit(RLIMIT_AS, ADDRESS_SPACE_MAX);
#endif
}

/* Only the socket stays, as descriptor 3: the others may be ends of pipes
 * whose readers wait until nobody holds them any more. */
static int
keep_only(int socket)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0)
		_exit(1);
	if (socket != 3 && dup2(socket, 3) < 0)
		_exit(1);
	if (syscall(__NR_close_range, 4u, ~0u, 0u) != 0)
		for (int fd = 4; fd < 1024; fd++)
			close(fd);
	return 3;
}

static void __attribute__((noreturn)) child(int socket, const char *root)
{
	socket = keep_only(socket);
	reset_signals();
	set_limits();
	prctl(PR_SET_NAME, "heaptop-symbols");
	if (!getenv("HEAPTOP_DEBUGINFOD"))
		unsetenv("DEBUGINFOD_URLS");
	helper_serve(socket, root);
}

bool
helper_start(struct helper *helper, const char *root)
{
	sigset_t all, old;
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		child(ends[1], root);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return false;
	}
	helper->pid = pid;
	helper->socket = ends[0];
	return true;
}

static enum helper_death
death_of(int status)
{
	if (!WIFSIGNALED(status))
		return HELPER_LOST;
	switch (WTERMSIG(status)) {
	case SIGALRM:
		return HELPER_TIMED_OUT;
	case SIGKILL:
	case SIGTERM:
		return HELPER_LOST;
	default:
		return HELPER_CRASHED;
	}
}

/*
 * Asked first whether it is ours still: somebody else's waitpid(-1) may have
 * taken it, and its id may be another process by now. A helper that is dying
 * closes its socket before it can be waited for; SIGKILL does not change what
 * it says it died of.
 */
enum helper_death
helper_stop(struct helper *helper)
{
	enum helper_death death = HELPER_LOST;
	int status;
	pid_t ended;

	if (helper->pid <= 0)
		return death;
	ended = waitpid(helper->pid, &status, WNOHANG);
	if (ended == 0) {
		kill(helper->pid, SIGKILL);
		do
			ended = waitpid(helper->pid, &status, 0);
		while (ended < 0 && errno == EINTR);
	}
	if (ended == helper->pid)
		death = death_of(status);
	close(helper->socket);
	*helper = (struct helper){.socket = -1};
	return death;
}
