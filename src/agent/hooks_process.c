/*
 * hooks_process.c - what the program calls to change itself or to end, where
 * the agent has to know.
 *
 * Context: hook.
 */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/alone.h"
#include "agent/real.h"
#include "agent/record.h"
#include "agent/rest.h"
#include "agent/safe.h"
#include "agent/ticker.h"

#define EXPORT __attribute__((visibility("default"), noinline))

static bool
is_ready(void)
{
	return __atomic_load_n(&real_ready, __ATOMIC_ACQUIRE) || hooks_ready();
}

/* Many a worker ends like this: its totals are final too. libc's exit does not
 * come through here; agent.c sees that. */
EXPORT void __attribute__((noreturn)) _exit(int status)
{
	agent_exit();
	for (;;)
		safe_syscall(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

EXPORT void __attribute__((noreturn)) _Exit(int status)
{
	_exit(status);
}

/* Under strict seccomp, and where the processor's clock is forbidden, a thread
 * that records would be killed. What libc declares has a variable list; its
 * arguments are where these are. */
static bool
is_sealed_by(int option, unsigned long how)
{
	return (option == PR_SET_SECCOMP && how == SECCOMP_MODE_STRICT) ||
	       (option == PR_SET_TSC && how == PR_TSC_SIGSEGV);
}

EXPORT int
prctl(int option, ...)
{
	unsigned long values[4];
	va_list list;
	int result;

	va_start(list, option);
	for (int i = 0; i < 4; i++)
		values[i] = va_arg(list, unsigned long);
	va_end(list);
	if (!is_ready() || !real.prctl) {
		errno = ENOSYS;
		return -1;
	}
	/* A list of system calls may leave out those of the agent's end. */
	if (option == PR_SET_SECCOMP)
		agent_seal();
	result = real.prctl(option, values[0], values[1], values[2], values[3]);
	if (agent_on && result == 0 && is_sealed_by(option, values[0])) {
		thread_tls.guard = GUARD_FOREVER;
		record_lost(WIRE_LOST_SEALED, 1);
	}
	return result;
}

/* Calls the real one, without the ticker's thread where it would be in the
 * way. */
#define RESTING(name_, params_, call_, rests_)     \
	EXPORT int name_ params_                   \
	{                                          \
		bool rests = agent_on && (rests_); \
		int result;                        \
                                                   \
		if (!is_ready() || !real.name_) {  \
			errno = ENOSYS;            \
			return -1;                 \
		}                                  \
		if (rests) {                       \
			ticker_hold();             \
			rest_begin();              \
		}                                  \
		call_;                             \
		if (rests)                         \
			rest_release();            \
		return result;                     \
	}

/* Some namespaces are closed to a process of more than one thread. */
#define ENTER(name_, params_, args_, alone_) \
	RESTING(name_, params_, result = real.name_ args_, alone_)
ENTER(unshare, (int what), (what), (what & CLONE_NEWUSER) != 0)
ENTER(setns, (int fd, int what), (fd, what), true)

/*
 * So that the ticker changes its user and groups too. Where the program has one
 * thread, libc would find that what this one may do (PR_SET_KEEPCAPS) another
 * may not, and abort; so the ticker is none then, and begins again as what the
 * program has become. If it cannot be brought to that, libc is told of it.
 */
#define CALL_AS_SINGLE(name_, args_)                                \
	do {                                                        \
		bool suspended_ = !rest_is_on() && alone_suspend(); \
                                                                    \
		result = real.name_ args_;                          \
		alone_resume(suspended_);                           \
	} while (0)
#define SET_ID(name_, params_, args_) \
	RESTING(name_, params_, CALL_AS_SINGLE(name_, args_), alone_is_single())
SET_ID(setuid, (uid_t user), (user))
SET_ID(setgid, (gid_t group), (group))
SET_ID(seteuid, (uid_t effective), (effective))
SET_ID(setegid, (gid_t effective), (effective))
SET_ID(setreuid, (uid_t user, uid_t effective), (user, effective))
SET_ID(setregid, (gid_t group, gid_t effective), (group, effective))
SET_ID(setresuid, (uid_t user, uid_t effective, uid_t saved),
       (user, effective, saved))
SET_ID(setresgid, (gid_t group, gid_t effective, gid_t saved),
       (group, effective, saved))
SET_ID(setgroups, (size_t count, const gid_t *groups), (count, groups))
SET_ID(initgroups, (const char *user, gid_t group), (user, group))
