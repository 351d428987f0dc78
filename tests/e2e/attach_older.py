#!/usr/bin/python3
"""Programs whose C library is older than 2.34 get the agent: there dlopen is in
libdl, or libc has one for itself. They are those that `fetch_pythons.sh
BUILD/pythons older` unpacks."""
import os

from attaching import attach, detach, is_left_alone, library, threads
from drive import (BUILD, Program, Tap, ends_without_trace, heaptop,
                   profiled_pid, report, wait_for, workplace)

OLDER = BUILD / "pythons" / "older"
PYTHON = OLDER / "usr/bin/python3.9"
SHELL = OLDER / "bin/dash"
LOOP = """
import select
kept = []
print("ready", flush=True)
while not select.select([0], [], [], 0)[0]:
    kept.append([str(i) for i in range(1000)])
    if len(kept) > 20:
        kept.clear()
print("done")
"""
# In the place of the agent: needs nothing, and says that it cannot work.
CANNOT = "int heaptop_agent_attach(const char *settings)" \
    " { return settings ? -1 : -2; }\n"


def check_python(tap):
    with Program(PYTHON, "-c", LOOP, bare=True) as program:
        program.line("^ready$")
        pid = program.process.pid
        before = threads(pid)
        for _ in range(3):
            attach(pid)
            wait_for("the line that allocates", lambda: any(
                entry["line"] == 6 for entry in report(pid)["entries"]))
            detach(pid)
        is_left_alone(tap, "Python", pid, before)
        tap.equal(program.end(), (0, ["ready", "done"], ""),
                  "Python: three times on and off, and it goes on")


def check_run(tap):
    """The same agent, preloaded."""
    with Program(PYTHON, "-c", LOOP) as program:
        program.line("^ready$")
        pid = profiled_pid()
        wait_for("the line that allocates", lambda: any(
            entry["line"] == 6 for entry in report(pid)["entries"]))
        tap.equal(program.end(), (0, ["ready", "done"], ""),
                  "Python: begun with the agent")


def check_shell(tap, scratch):
    """It has no libdl, which an agent of a newer system needs."""
    os.environ["HEAPTOP_AGENT"] = str(
        library(scratch, "cannot.so", CANNOT, "-shared", "-fPIC", "-nostdlib"))
    with Program(SHELL, "-c", "echo ready; read x; echo $x", bare=True) \
            as program:
        program.line("^ready$")
        result = heaptop("attach", program.process.pid)
        tap.ok(result.returncode == 1 and "cannot work" in result.stderr,
               "libc's own dlopen loads a library, and its entry is called",
               result)
        del os.environ["HEAPTOP_AGENT"]
        result = heaptop("attach", program.process.pid)
        tap.ok(result.returncode == 1 and "cannot load" in result.stderr and
               len(result.stderr.splitlines()) == 1,
               "what it cannot load is said in a line", result)
        program.say("gone on")
        tap.equal(program.end()[:2], (0, ["ready", "gone on"]),
                  "and the program goes on")


def main():
    if not (OLDER / "complete").exists():
        print("1..0 # SKIP no programs with an older C library: "
              "tests/agent/py/fetch_pythons.sh BUILD/pythons older")
        return
    tap = Tap()
    ends_without_trace(tap)
    with workplace() as scratch:
        tap.part("python", check_python, tap)
        tap.part("run", check_run, tap)
        tap.part("shell", check_shell, tap, scratch)
    tap.done()


if __name__ == "__main__":
    main()
