#!/usr/bin/python3
"""Programs that open libpython while they run: its blocks are Python's from the
start where the agent is there first, and soon where it comes later."""
import os
import sys

from drive import (BUILD, SOURCE, Program, Tap, can_trace, must, profiled_pid,
                   report, wait_for, workplace)

sys.path.insert(0, str(SOURCE / "tests/agent/py"))
import pythons  # noqa: E402

PROGRAM = BUILD / "tests/programs/py_late"
COUNT = 10000
GROWS = 4  # the line
SCRIPT = f"""import sys
kept = []
def grow():
    kept.append([bytes(100) for _ in range({COUNT})])
grow()
print("ready", flush=True)
for line in sys.stdin:
    grow()
    print("grown", flush=True)
"""


def started(python, library, prefix, **how):
    loader = pythons.LOADER if python.is_fetched else []
    env = {key: value for key, value in os.environ.items()
           if not key.startswith("PYTHON")}
    return Program(*loader, PROGRAM, library, SCRIPT,
                   env={**env, "PYTHONHOME": prefix}, **how)


def grown(pid):
    """How many blocks the line has."""
    return sum(entry["count"] for entry in
               report(pid, "--filter", "<string>")["entries"]
               if entry["line"] == GROWS)


def goes_on(tap, what, program):
    status, _, errors = program.end()
    tap.equal((status, errors), (0, ""), f"{what}: ends as it should")


def check_first(tap, case):
    what = f"{case[0].version}, the agent is there first"
    with started(*case) as program:
        program.line("^ready$")
        pid = profiled_pid()
        wait_for("the line", lambda: grown(pid) >= COUNT)
        seen = grown(pid)
        # The list has an object and its items beside them.
        tap.ok(COUNT <= seen <= COUNT + 2, f"{what}: {COUNT} blocks", seen)
        goes_on(tap, what, program)


def check_later(tap, case, what, how):
    what = f"{case[0].version}, {what}"
    with started(*case, **how) as program:
        program.line("^ready$")
        pid = profiled_pid() if "options" in how else program.process.pid
        must("attach", pid)

        def has_come():
            program.say("more\n")
            return grown(pid) >= COUNT
        wait_for("Python's blocks", has_come)
        tap.ok(True, f"{what}: its blocks are found")
        goes_on(tap, what, program)


def main():
    tap = Tap()
    cases = pythons.libraries()
    if not cases:
        pythons.skip_all("no shared libpython on this machine")
    for case in cases:
        with workplace():
            tap.part(f"{case[0].version}, first", check_first, tap, case)
        with workplace():
            tap.part(f"{case[0].version}, dormant", check_later, tap, case,
                     "the agent sleeps", {"options": ("--dormant",)})
        if can_trace():
            with workplace():
                tap.part(f"{case[0].version}, bare", check_later, tap, case,
                         "the agent comes", {"bare": True})
        else:
            tap.skip("the agent comes", "no process may be traced here")
    tap.done()


if __name__ == "__main__":
    main()
