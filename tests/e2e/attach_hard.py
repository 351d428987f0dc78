#!/usr/bin/python3
"""What goes wrong in the middle of an attach leaves the program whole: heaptop
is killed, loading takes too long, the loader is busy, two come at once."""
import os
import signal
import subprocess

from attaching import (attach, borrowed, detach, is_left_alone, library,
                       policies, threads)
from drive import (HEAPTOP, Program, Tap, ends_without_trace, heaptop,
                   wait_for, workplace)

# In the place of the agent: one that takes its time.
SLOW = r"""
#include <time.h>
static void __attribute__((constructor)) begin(void)
{
	struct timespec pause = {1, 500000000};

	nanosleep(&pause, 0);
}
int heaptop_agent_attach(const char *settings)
{
	return settings == 0;
}
"""
# In the place of the agent: kills who put it there.
KILLER = r"""
#include <signal.h>
#include <stdio.h>
static void __attribute__((constructor)) begin(void)
{
	FILE *status = fopen("/proc/thread-self/status", "r");
	char line[256];
	int tracer = 0;

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "TracerPid: %d", &tracer);
	if (status)
		fclose(status);
	if (tracer > 0)
		kill(tracer, SIGKILL);
}
int heaptop_agent_attach(const char *settings)
{
	return settings == 0;
}
"""
# Has the loader's lock for some seconds, and one thread that computes.
BUSY = r"""
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static volatile int loaded;
static void *load(void *path)
{
	if (dlopen(path, RTLD_NOW))
		loaded = 1;
	return 0;
}
int main(int argc, char **argv)
{
	pthread_t thread;
	unsigned long turns = 0;

	pthread_create(&thread, 0, load, argv[argc - 1]);
	puts("ready");
	fflush(stdout);
	while (!loaded)
		turns++;
	pthread_join(thread, 0);
	puts(turns ? "loaded" : "no turn");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
"""


def slow_attach(agent, pid, *options):
    return subprocess.Popen([HEAPTOP, "attach", *options, str(pid)],
                            env={**os.environ, "HEAPTOP_AGENT": str(agent)},
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def is_mapped(pid, name):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        return str(name) in file.read()


def check_killed(tap, agent, kind):
    """The thread finishes by itself, and goes on."""
    with borrowed(kind, 100) as program:
        pid = program.process.pid
        attacher = slow_attach(agent, pid, "--timeout", "60")
        wait_for("the agent to be loaded", lambda: is_mapped(pid, agent))
        attacher.send_signal(signal.SIGKILL)
        attacher.communicate()
        # Nothing else tells that the thread is back: it is in its own code.
        attach(pid)
        detach(pid)
        status, lines, errors = program.end()
        tap.equal((status, errors), (0, ""),
                  f"{kind}: heaptop was killed in between {lines[1:]}")


def check_hurried(tap, agent):
    """It was killed while the thread went before all others."""
    with borrowed("registers", 100) as program:
        pid = program.process.pid
        attacher = slow_attach(agent, pid, "--timeout", "60")
        attacher.communicate()
        tap.equal(attacher.returncode, -signal.SIGKILL, "heaptop is killed")
        wait_for("the thread to be an ordinary one",
                 lambda: policies(pid) == {os.SCHED_OTHER})
        status, lines, errors = program.end()
        tap.equal((status, errors), (0, ""),
                  f"the thread becomes an ordinary one by itself {lines[1:]}")


def check_late(tap, agent):
    """Loading takes longer than was allowed."""
    with borrowed("registers", 100) as program:
        pid = program.process.pid
        attacher = slow_attach(agent, pid, "--timeout", "0.7")
        output = attacher.communicate()
        tap.ok(attacher.returncode == 1 and "goes on by itself" in output[1],
               f"loading takes too long: {output[1].strip()}")
        status, lines, errors = program.end()
        tap.equal((status, errors), (0, ""),
                  f"and the program goes on {lines[1:]}")


def check_busy(tap, program, slow):
    """Another thread has the loader's lock."""
    with Program(program, slow, bare=True) as running:
        running.line("^ready$")
        pid = running.process.pid
        wait_for("the loader to be busy", lambda: is_mapped(pid, slow))
        result = heaptop("attach", "--timeout", "0.5", pid)
        print(f"# {result.stdout}{result.stderr}".rstrip())
        tap.ok(result.returncode == 0 or "loading a library" in result.stderr
               or "came to a point" in result.stderr,
               "the loader is busy: it is put off, or said", result)
        running.line("^loaded$")
        before = threads(pid)
        attach(pid)
        detach(pid)
        is_left_alone(tap, "the loader was busy", pid, before)
        tap.equal(running.end()[0], 0, "and the program ends well")


def check_two(tap):
    """Two at once: one does it, the other says who does or that it is done."""
    with borrowed("threads", 100) as program:
        pid = program.process.pid
        both = [subprocess.Popen([HEAPTOP, "attach", "--timeout", "60",
                                  str(pid)], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
                for _ in range(2)]
        outputs = [one.communicate(timeout=120) for one in both]
        statuses = sorted(one.returncode for one in both)
        tap.ok(statuses == [0, 0] or
               (statuses == [0, 1] and
                any("traced by" in errors for _, errors in outputs)),
               "two at once", outputs)
        detach(pid)
        tap.equal(program.end()[0], 0, "and the program ends well")


def check_ended(tap):
    """Programs that end or begin just then."""
    statuses = set()
    for _ in range(20):
        with subprocess.Popen(["sh", "-c", "sleep 0.01; exec sleep 0.02"]) \
                as program:
            result = heaptop("attach", program.pid)
            statuses.add((result.returncode,
                          len(result.stderr.splitlines())))
            program.wait(60)
            statuses.add(program.returncode)
    tap.ok(statuses <= {0, (0, 0), (1, 1)},
           "programs that end, or become others, just then", statuses)


def main():
    tap = Tap()
    ends_without_trace(tap)
    with workplace() as scratch:
        slow = library(scratch, "slow.so", SLOW, "-shared",
                       "-fPIC")
        for kind in ("registers", "threads", "errno"):
            tap.part(kind, check_killed, tap, slow, kind)
        killer = library(scratch, "killer.so", KILLER, "-shared", "-fPIC")
        tap.part("hurried", check_hurried, tap, killer)
        tap.part("late", check_late, tap, slow)
        other = library(scratch, "other.so", SLOW, "-shared", "-fPIC")
        busy = library(scratch, "busy", BUSY, "-pthread", "-ldl")
        tap.part("busy", check_busy, tap, busy, other)
        tap.part("two", check_two, tap)
        tap.part("ended", check_ended, tap)
    tap.done()


if __name__ == "__main__":
    main()
