#!/usr/bin/python3
"""Attach and detach leave a program as it was: what it waits for, what it
computes, its registers, stacks, signals and errno."""
import json
import os
import pty

from attaching import (attach, borrowed, detach, is_left_alone, maps, threads)
from drive import (HEAPTOP, PYTHON, Program, Tap, heaptop, profiled_pid,
                   ends_without_trace, report, segments,
                   wait_for, workplace)

WAITS = ("nanosleep", "poll", "select", "ppoll", "epoll", "epoll-forever",
         "futex", "semaphore", "read", "waitpid", "accept", "semop",
         "small-stack")
WORKS = ("registers", "red-zone", "threads", "signals", "handlers",
         "coroutines", "errno")
CYCLES = 10

LOOP = """
import sys, threading
kept = []
print("ready", flush=True)
done = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), done.set())).start()
rounds = 0
while not done.is_set():
    kept.append([str(i) for i in range(1000)])
    rounds += 1
    if len(kept) > 20:
        kept.clear()
print(sum(map(len, kept)) == len(kept) * 1000, rounds > 0)
"""


def check_waits(tap):
    """All wait at the same time, since they only wait."""
    running = []
    for kind in WAITS:
        program = borrowed(kind, 4)
        pid = program.process.pid
        before = threads(pid)
        tap.part(kind, attach, pid)
        tap.part(kind, detach, pid)
        tap.part(kind, is_left_alone, tap, kind, pid, before)
        running.append((kind, program))
    for kind, program in running:
        status, lines, errors = program.end()
        tap.equal((status, errors), (0, ""),
                  f"{kind}: goes on as if nothing had happened {lines[1:]}")
        program.__exit__()


def check_work(tap, kind):
    with borrowed(kind, 100) as program:
        pid = program.process.pid
        for _ in range(3):
            attach(pid)
            detach(pid)
        status, lines, errors = program.end()
        tap.equal((status, errors), (0, ""),
                  f"{kind}: goes on as if nothing had happened {lines[1:]}")


def check_cycles(tap):
    """Ten times on and off; each time it counts from zero."""
    with Program(PYTHON, "-c", LOOP, bare=True) as program:
        program.line("^ready$")
        pid = program.process.pid
        before = threads(pid)
        code = maps(pid).count("r-xp")
        for _ in range(CYCLES):
            attach(pid)
            wait_for("the line that allocates", lambda: any(
                entry["line"] == 9 for entry in report(pid)["entries"]))
            detach(pid)
        is_left_alone(tap, "ten cycles", pid, before)
        tap.equal(segments(), {}, "ten cycles: no segment is left")
        tap.equal(maps(pid).count("r-xp") - code, 1,
                  "ten cycles: the agent is mapped once")
        tap.equal(program.end(), (0, ["ready", "True True"], ""),
                  "ten cycles: same output and exit status")


def check_life(tap):
    """An agent that is there already is switched, which stops nothing."""
    with Program(PYTHON, "-c", LOOP, options=("--dormant",)) as program:
        program.line("^ready$")
        pid = profiled_pid()
        result = heaptop("attach", pid)
        tap.ok("slept" in result.stdout and not result.returncode,
               "an agent that sleeps is woken", result)
        tap.ok("already" in heaptop("attach", pid).stdout,
               "one that records says so")
        tap.ok("sleeps" in detach(pid), "one that was preloaded sleeps again")
        tap.equal(program.end()[0], 0, "and the program ends well")


def viewer(pid, answer):
    """heaptop PID on a terminal, where it asks. Returns what it showed, and its
    exit status."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm"
        os.execl(HEAPTOP, "heaptop", "--no-config", str(pid))
    shown = b""

    def has(text):
        nonlocal shown
        shown += os.read(terminal, 65536)
        return text in shown
    wait_for("the question", lambda: has(b"[Y/n]"))
    os.write(terminal, answer + b"\n")
    if answer != b"n":
        wait_for("the list", lambda: has(b"Enter"))
        os.write(terminal, b"q")
    try:
        while True:
            shown += os.read(terminal, 65536)
    except OSError:
        os.close(terminal)
    return shown, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def check_view(tap):
    """heaptop PID says what it will do, and does it once one agrees."""
    with Program(PYTHON, "-c", LOOP, bare=True) as program:
        program.line("^ready$")
        pid = program.process.pid
        result = heaptop(pid)
        tap.ok(result.returncode == 1 and
               f"heaptop attach {pid}" in result.stderr,
               "heaptop PID without a terminal names the command", result)
        shown, status = viewer(pid, b"n")
        tap.ok(status == 1 and not segments(), "on one it takes a no", shown)
        shown, status = viewer(pid, b"y")
        tap.ok(status == 0 and segments(), "and attaches on a yes", shown)
        detach(pid)
        attach(pid, "--sample", "64K")
        # Not known before the first tick.
        wait_for("a rate", lambda: json.loads(
            heaptop("list", "--json").stdout)[0]["sample_bytes"] == 65536)
        tap.ok(True, "--sample is for the agent")
        detach(pid)
        tap.equal(program.end()[0], 0, "and the program ends well")


def main():
    tap = Tap()
    ends_without_trace(tap)
    with workplace():
        tap.part("waits", check_waits, tap)
        for kind in WORKS:
            tap.part(kind, check_work, tap, kind)
        tap.part("cycles", check_cycles, tap)
        tap.part("life", check_life, tap)
        tap.part("view", check_view, tap)
    tap.done()


if __name__ == "__main__":
    main()
