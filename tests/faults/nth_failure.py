#!/usr/bin/python3
"""Each system call and each allocation fails once, of the agent and of heaptop.

	nth_failure.py [--long]

The agent's: a program does the same as without the agent, whichever of its
calls fails. heaptop's: it prints what it always does, or one line and status 1;
it is never killed by a signal and never hangs. Without --long some of the calls
of each program are tried, with it all of them.
"""
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from drive import (BUILD, EXAMPLES, HEAPTOP, PYTHON, Program,  # noqa
                   Tap, must, profiled_pid, segments, wait_for, workplace)

FAILING = str(BUILD / "tests/faults/failing")
NO_MEMORY = str(BUILD / "tests/faults/no_memory.so")
AGENT = str(BUILD / "heaptop-agent.so")
LONG = "--long" in sys.argv[1:]
SAMPLES = 12  # of each program, in the short form
SECONDS = 60  # that anything may take

NATIVE = [str(BUILD / "tests/programs/ledger"), "0", "3000", "7"]
SCRIPT = """
import json, os, sys, threading
kept = []
def work(n):
    kept.append(json.loads(json.dumps([{"a": i, "b": [i] * 3}
                                       for i in range(n)])))
threads = [threading.Thread(target=work, args=(500,)) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.stdout.flush()
child = os.fork()
if not child:
    work(300); print("child", len(kept)); sys.stdout.flush(); os._exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(kept))
sys.exit(7)
"""


def chosen(count):
    if LONG or count <= SAMPLES:
        return range(1, count + 1)
    return sorted({1 + i * (count - 1) // (SAMPLES - 1)
                   for i in range(SAMPLES)})


class Result:
    def __init__(self, command, **env):
        self.command = command
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**os.environ, **env},
            start_new_session=True)
        try:
            self.out, self.err = process.communicate(timeout=SECONDS)
            self.status = process.returncode
        except subprocess.TimeoutExpired:
            self.status = "hangs"
            os.killpg(process.pid, signal.SIGKILL)
            self.out, self.err = process.communicate()

    def __repr__(self):
        return (f"status {self.status} stdout {self.out[-300:]!r} "
                f"stderr {self.err[-300:]!r}")


def failing(scratch, nth, where, command, **env):
    """Returns the result, how many calls there were, which one failed."""
    report = scratch / "failing"
    report.unlink(missing_ok=True)
    result = Result([FAILING, str(nth), where, str(report), *command], **env)
    count, number = map(int, report.read_text().split()) \
        if report.exists() else (0, -1)
    return result, count, number


def sweep(tap, what, holds, scratch, where, command, **env):
    _, count, _ = failing(scratch, 0, where, command, **env)
    if not count:
        tap.skip(what, "no program may be traced here")
        return
    wrong, tried = [], 0
    for nth in chosen(count):
        result, _, number = failing(scratch, nth, where, command, **env)
        tried += 1
        if not holds(result):
            wrong.append(f"call {nth}, number {number}: {result}")
    tap.ok(not wrong, f"{what}: {tried} of {count} system calls",
           *wrong[:8])


def told(result):
    """What a program printed, but for the number of its process."""
    return re.sub(rb'"pid":\d+', b"", result.out)


def check_agent(tap, scratch):
    for what, command in (("native", NATIVE), ("Python", [PYTHON, "-c",
                                                          SCRIPT])):
        bare = Result(command)

        def same(result, bare=bare):
            return (result.status, told(result), result.err) == \
                (bare.status, told(bare), bare.err)

        # env itself has no agent: it is what starts the program.
        sweep(tap, f"the agent in a program, {what}", same, scratch,
              "heaptop-agent.so",
              ["env", f"LD_PRELOAD={AGENT}", "HEAPTOP_KEEP=1", *command])


def dead_segment(scratch):
    leak = scratch / "leak"
    subprocess.run(["gcc", "-g", "-O1", "-o", leak, EXAMPLES / "leak.c"],
                   check=True)
    with Program(leak, "5000") as program:
        program.line("served")
        pid = profiled_pid()
        path = segments()[pid]
        wait_for("it to be published",
                 lambda: "leak.c" in must("report", path))
        os.kill(pid, signal.SIGKILL)
        program.end()
    return path


def commands(scratch, path):
    saved, script = scratch / "saved.json", scratch / "script"
    must("snapshot", path, "-o", saved)
    script.write_text("key Enter\nkey Esc\nkey F\nkey Esc\nkey H\ndump -\n")
    return (("report", ["report", "--group-by", "traceback", path]),
            ("JSON", ["report", "--json", saved]),
            ("list", ["list"]),
            ("export", ["export", path, "--format", "pprof", "-o",
                        scratch / "out.pb"]),
            ("viewer", ["--no-config", "--script", script, path]))


def ended_well(result):
    """It went on without, or said in words why not."""
    return result.status in (0, 1) and (
        result.status == 0 or (result.err + result.out).strip() != b"")


def check_heaptop(tap, scratch, path):
    for what, arguments in commands(scratch, path):
        command = [HEAPTOP, *map(str, arguments)]
        sweep(tap, f"heaptop, {what}", ended_well, scratch, "-/ld-linux",
              command)
        count = allocations(command)
        wrong, tried = [], 0
        for nth in chosen(count):
            result = Result(command, LD_PRELOAD=NO_MEMORY, NO_MEMORY=str(nth))
            tried += 1
            if not ended_well(result):
                wrong.append(f"allocation {nth}: {result}")
        tap.ok(not wrong, f"heaptop, {what}: {tried} of {count} allocations",
               *wrong[:8])


def allocations(command):
    """How many there are; the helper's are its own."""
    read, write = os.pipe()
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                   pass_fds=[write], timeout=SECONDS,
                   env={**os.environ, "LD_PRELOAD": NO_MEMORY,
                        "NO_MEMORY_FD": str(write)})
    os.close(write)
    with os.fdopen(read) as file:
        return max(map(int, file.read().split()), default=0)


def main():
    tap = Tap()
    with workplace() as scratch:
        tap.part("agent", check_agent, tap, scratch)
        for path in segments().values():
            path.unlink()
        tap.part("heaptop", check_heaptop, tap, scratch,
                 dead_segment(scratch))
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
