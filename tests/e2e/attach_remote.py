#!/usr/bin/python3
"""Where ptrace is taken or denied, CPython from 3.14 on loads the agent itself.

Another process traces the program, or a filter of system calls refuses ptrace
to heaptop. What heaptop says then, what it leaves behind, and that it counts
the same as by ptrace.
"""
import contextlib
import glob
import json
import os
import subprocess
import sys

from attaching import borrowed, detach, library, maps, threads
from drive import (ALL, HEAPTOP, SOURCE, Failed, Program, Tap, can_trace,
                   heaptop, report, segments, wait_for, workplace)

REMOTE = "Python loaded it, by a remote script"
FIRST = (3, 14)
PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run")

# It never waits longer in a call, unless it is told to.
PROGRAM = """
import os, select, sys
def keep(count):
    return [str(i) * 10 for i in range(count)]
kept = keep(5000)
before = None
if "hide" in sys.argv:
    sys.modules["_ctypes"] = None
before = (set(globals()), set(sys.modules))
print("ready", flush=True)
patience = 0.002
while True:
    if not select.select([0], [], [], patience)[0]:
        continue
    word, *rest = os.read(0, 4096).decode().split() or ["end"]
    patience = 0.002
    if word == "keep":
        kept = keep(int(rest[0]))
    elif word == "stick":
        patience = None
    elif word == "names":
        print(sorted(set(globals()) - before[0] - {"word", "rest", "patience"}),
              sorted(set(sys.modules) - before[1]), end=" ")
    elif word == "end":
        break
    print(word, flush=True)
"""

# A tracer: `let PID` lets it run, `hold PID` keeps it stopped.
TRACER = r"""
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int count, char **words)
{
	pid_t pid = atoi(words[2]);
	int status;

	(void)count;
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0)
		return 1;
	if (words[1][0] == 'h') {
		ptrace(PTRACE_INTERRUPT, pid, 0, 0);
		waitpid(pid, &status, __WALL);
	}
	puts("traced");
	fflush(stdout);
	for (;;) {
		if (words[1][0] == 'h')
			pause();
		if (waitpid(pid, &status, __WALL) < 0 || !WIFSTOPPED(status))
			return 0;
		ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status));
	}
}
"""

# Runs a program that may not call ptrace, as in some containers; older ones
# know no openat2.
DENIED = r"""
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#define OPENAT2 437
int main(int count, char **words)
{
	struct sock_filter lines[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		     offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 1, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OPENAT2, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog filter = {5, lines};

	(void)count;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		return 100;
	execv(words[1], words + 1);
	return 101;
}
"""


def scripts():
    return {path for place in PLACES
            for path in glob.glob(f"{place}/heaptop-script-*")}


def none_left(tap, before, what):
    """One that somebody else attaches by beside us goes by itself."""
    left = scripts() - before
    wait_for(f"{left} to go", lambda: not scripts() & left)
    tap.ok(True, what)


def ask(program, text):
    program.lines.clear()
    program.say(text + "\n")
    return program.line(rf"^(.*)\b{text.split()[0]}$")[1]


@contextlib.contextmanager
def traced(scratch, pid, how="let"):
    with Program(scratch / "tracer", how, pid, bare=True) as tracer:
        tracer.line("^traced$")
        yield


class Way:
    """How heaptop is started, and what is wrong with the process."""

    def __init__(self, name, prefix, tracing):
        self.name, self.prefix, self.tracing = name, prefix, tracing

    def around(self, scratch, pid):
        return (traced(scratch, pid) if self.tracing
                else contextlib.nullcontext())

    def attach(self, pid, *options):
        command = [*self.prefix, HEAPTOP, "attach", *options, str(pid)]
        return subprocess.run(list(map(str, command)), capture_output=True,
                              text=True, timeout=120, check=False)


def attach(way, pid, *options):
    result = way.attach(pid, "--timeout", "60", *options)
    if result.returncode != 0 or result.stderr:
        raise Failed(f"attach {pid}: status {result.returncode}: "
                     f"{result.stderr.strip()}")
    return result.stdout


def refused(tap, what, result, *parts):
    lines = result.stderr.splitlines()
    tap.ok(result.returncode == 1 and not result.stdout and len(lines) == 1 and
           all(part in lines[0] for part in parts),
           f"{what}: {lines[0] if lines else result.stdout}", result)


def counted(pid):
    """What keep has; the main loop comes and goes."""
    entries = report(str(pid), "--top", ALL, "--group-by", "function")["entries"]
    return [(entry["size"], entry["count"]) for entry in entries
            if entry["function"] == "keep"]


def is_left_alone(tap, what, program, names="[] ['_ctypes'] "):
    pid = program.process.pid
    wait_for("the agent's thread to end", lambda: threads(pid) == 1)
    tap.equal((ask(program, "names"), program.error_text()), (names, ""),
              f"{what}: it has seen nothing of it")


def one_way(tap, way, scratch, command):
    """What is counted, and ten times on and off."""
    found = []
    with Program(*command, scratch / "kept.py", bare=True) as program:
        program.line("^ready$")
        pid = program.process.pid
        with way.around(scratch, pid):
            for cycle in range(10):
                said = attach(way, pid)
                if (REMOTE in said) != (way.name != "ptrace"):
                    raise Failed(f"attached otherwise: {said}")
                ask(program, f"keep {1000 + cycle}")
                found.append(counted(pid))
                detach(pid)
                wait_for("the segment to go", lambda: pid not in segments())
            is_left_alone(tap, way.name, program,
                          "[] [] " if way.name == "ptrace" else
                          "[] ['_ctypes'] ")
            attach(way, pid, "--sample", "64KiB")
            # Not known before the first tick.
            wait_for("a rate", lambda: (pid, 65536) in
                     [(each["pid"], each["sample_bytes"]) for each in
                      json.loads(heaptop("list", "--json").stdout)])
        tap.equal(maps(pid).count("heaptop-script"), 0,
                  f"{way.name}: no script is left in memory")
        tap.equal(program.end()[0::2], (0, ""), f"{way.name}: its end")
    return found


def all_ways(tap, version, scratch, command):
    denied = [scratch / "denied"]
    before = scripts()
    ways = [Way("traced", [], True), Way("denied", denied, False)]
    found = {way.name: one_way(tap, way, scratch, command) for way in ways}
    tap.ok(all(each and each[0][1] > 1000 for each in found["traced"]),
           f"{version}: counts something", found["traced"])
    tap.equal(found["denied"], found["traced"], f"{version}: both the same")
    if can_trace():
        tap.equal(one_way(tap, Way("ptrace", [], False), scratch, command),
                  found["traced"], f"{version}: and the same as by ptrace")
    else:
        tap.skip(f"{version}: as by ptrace", "this user may not trace")
    none_left(tap, before, f"{version}: no file is left")


def switched_off(tap, version, scratch, command):
    for what, options, environment in (
            ("by an option", ["-X", "disable-remote-debug"], {}),
            ("by the environment", [], {"PYTHON_DISABLE_REMOTE_DEBUG": "1"})):
        with Program(*command, *options, scratch / "kept.py", bare=True,
                     env={**os.environ, **environment}) as program:
            program.line("^ready$")
            pid = program.process.pid
            with traced(scratch, pid):
                refused(tap, f"{version}, switched off {what}",
                        heaptop("attach", pid), "traced by process",
                        "heaptop run", "PYTHON_DISABLE_REMOTE_DEBUG")
            tap.equal(program.end()[0::2], (0, ""), "and it goes on")


def no_ctypes(tap, version, scratch, command):
    with Program(*command, scratch / "kept.py", "hide", bare=True) as program:
        program.line("^ready$")
        pid = program.process.pid
        with traced(scratch, pid):
            refused(tap, f"{version}, no ctypes", heaptop("attach", pid),
                    "_ctypes", "heaptop run")
            is_left_alone(tap, f"{version}, no ctypes", program, "[] [] ")


def stick(program):
    """Into a call that ends with the next line; there is no other way to know
    that it is there, and not on its way."""
    ask(program, "stick")
    path = f"/proc/{program.process.pid}/syscall"

    def waits():
        with open(path, encoding="utf-8") as file:
            words = file.read().split()
        return words[0] in ("23", "270") and words[5] == "0x0"
    wait_for("it to wait in select, or pselect6, without a timeout", waits)


def stuck(tap, version, scratch, command):
    """The main thread waits in a call; then it is held by its tracer."""
    before = scripts()
    way = Way("traced", [], True)
    with Program(*command, scratch / "kept.py", bare=True) as program:
        program.line("^ready$")
        pid = program.process.pid
        for what, how in (("in a call", "let"), ("held", "hold")):
            stick(program)
            with traced(scratch, pid, how):
                refused(tap, f"{version}, {what}",
                        way.attach(pid, "--timeout", "1"), "traced by process",
                        "taken back", "--timeout")
            none_left(tap, before, "no file is left")
            is_left_alone(tap, f"{version}, {what}", program, "[] [] ")
            tap.ok("heaptop" not in maps(pid), "and nothing was loaded")
        with traced(scratch, pid):
            tap.ok(REMOTE in attach(way, pid), "then it is let")
        tap.equal(program.end()[0::2], (0, ""), "its end")


def other_programs(tap, scratch):
    """Who has no such Python is told what he was told before."""
    denied = Way("denied", [scratch / "denied"], False)
    with borrowed("nanosleep", 100) as program:
        pid = program.process.pid
        refused(tap, "not a Python, denied", denied.attach(pid), "may not trace",
                "not permitted", "heaptop run")
        with traced(scratch, pid):
            refused(tap, "not a Python, traced", heaptop("attach", pid),
                    "traced by process", "'tracer'")


def main():
    tap = Tap()
    sys.path.insert(0, str(SOURCE / "tests" / "agent" / "py"))
    import pythons
    with workplace() as scratch:
        library(scratch, "tracer", TRACER)
        library(scratch, "denied", DENIED)
        (scratch / "kept.py").write_text(PROGRAM)
        with contextlib.suppress(OSError):
            scratch.chmod(0o755)
        if can_trace():
            tap.part("others", other_programs, tap, scratch)
        else:
            tap.skip("others", "this user may not trace, and so not write")
        newer = [found for found in pythons.found() if found.key >= FIRST]
        if not newer or not can_trace():
            tap.skip("Python", "this user may not trace, and so not write"
                     if newer else "no Python from 3.14 on is here")
            newer = []
        for found in newer:
            for part in (all_ways, switched_off, no_ctypes, stuck):
                tap.part(f"{found.version}, {part.__name__}", part, tap,
                         found.version, scratch, found.command)
    tap.done()


if __name__ == "__main__":
    main()
