#!/usr/bin/python3
"""Sampled Python, where nobody is told of frees but of recorded blocks'. What
is freed is seen all the same, the interpreter counts its blocks as it does
without us, and the rate may change: under every interpreter of the machine."""
import os
import sys

from drive import (ALL, SOURCE, Program, Tap, describe, must, profiled_pid,
                   report, wait_for, workplace)

sys.path.insert(0, str(SOURCE / "tests" / "agent" / "py"))
import pythons  # noqa: E402

PROGRAM = SOURCE / "tests" / "programs" / "py_sampled.py"
INTERVAL = 65536  # the least at which frees are unseen
# What free lists may keep: so many blocks that are exact, or that are recorded.
KEPT = 200 * 64
KEPT_RECORDED = 5 * INTERVAL
LINES = 5  # of the program that keep blocks
STORY = ("make", "drop", "make", "make", "drop")
# How else the interpreter may allocate, or who may be in front of it.
SETTINGS = [{"PYTHONMALLOC": "debug"}, {"PYTHONMALLOC": "malloc"},
            {"PYTHONTRACEMALLOC": "1"}]


class Told:
    """The program, sampled or bare, that does as it is told."""

    def __init__(self, python, bare=False, **settings):
        env = {name: value for name, value in os.environ.items()
               if not name.startswith("PYTHON")}
        env.update(settings, PYTHONHASHSEED="0")
        self.program = Program(*python.command, PROGRAM, bare=bare, env=env,
                               options=["--sample", str(INTERVAL)])
        self.told = 0

    def __enter__(self):
        self.program.__enter__()
        return self

    def __exit__(self, *error):
        self.program.__exit__(*error)

    def do(self, word):
        """Returns how many blocks the interpreter counts afterwards."""
        self.program.say(word + "\n")
        self.told += 1
        wait_for(f"an answer to {word}", lambda: self.told <= len(
            self.program.lines) or self.program.process.poll() is not None)
        return int(self.program.lines[self.told - 1].split()[1])

    def rows(self):
        found = report(profiled_pid(), "--top", ALL, "--filter", PROGRAM.name)
        return {entry["line"]: entry for entry in found["entries"]
                if entry["function"] != "main" and
                entry["size"] > KEPT_RECORDED}

    def rate(self, wanted):
        must("rate", profiled_pid(), wanted)


def counted(python, bare):
    """How the interpreter's count of blocks changes."""
    with workplace(), Told(python, bare) as told:
        for word in STORY[:2]:
            told.do(word)
        first = told.do("drop")
        return [told.do(word) - first for word in STORY]


def check_gone(tap, told, what):
    left = told.rows()
    tap.ok(not left, f"{what}: frees are seen", describe(list(left.values())))


def check_near(tap, rows, truth, what):
    """Within seven standard errors: that does not fail by chance."""
    off = [f"line {line}: is {row['size']}" for line, row in truth.items()
           if line not in rows or abs(rows[line]["size"] - row["size"]) >
           7 * rows[line]["size_error"] + KEPT]
    tap.ok(len(truth) == LINES and not off, f"{what}: about right", *off,
           describe(list(rows.values())))


def check_rates(tap, python, **settings):
    """Blocks that are recorded at one rate are freed at the other."""
    name = " ".join([python.version, *settings.values()])
    with workplace(), Told(python, **settings) as told:
        told.do("make")
        sampled = told.rows()
        told.rate("exact")
        told.do("drop")
        check_gone(tap, told, f"{name}, sampled, then exact")
        told.do("make")
        exact = told.rows()
        told.rate(INTERVAL)
        told.do("drop")
        check_gone(tap, told, f"{name}, exact, then sampled")
        told.do("make")
        again = told.rows()
        told.do("drop")
        check_gone(tap, told, f"{name}, sampled again")
        check_near(tap, sampled, exact, f"{name}, sampled")
        check_near(tap, again, exact, f"{name}, sampled again")
        told.program.end()


def check_sampled(tap, python):
    """No rate is changed: the hooks are what they are in the end."""
    with workplace(), Told(python) as told:
        first = told.do("make")
        tap.ok(len(told.rows()) == LINES, f"{python.version}: rows")
        tap.ok(told.do("drop") < first, f"{python.version}: blocks go")
        check_gone(tap, told, f"{python.version}, sampled only")
        told.program.end()


def check_in_front(tap, python):
    """Somebody wraps what he found, and puts it back when he is done."""
    with workplace(), Told(python) as told:
        told.do("trace")
        told.do("make")
        told.rate("exact")
        told.do("make")
        told.do("drop")
        check_gone(tap, told, f"{python.version}, traced, then exact")
        told.do("untrace")
        told.rows()  # a tick is between
        told.do("make")
        told.do("drop")
        check_gone(tap, told, f"{python.version}, traced no more")
        told.program.end()


def main():
    tap = Tap()
    found = pythons.found()
    if not found:
        pythons.skip_all("no Python 3.6 or later on this machine")
    for python in found:
        bare, sampled = (tap.part("blocks", counted, python, bare)
                         for bare in (True, False))
        tap.equal(sampled, bare, f"{python.version}: as many blocks as bare")
        tap.part("sampled", check_sampled, tap, python)
        tap.part("rates", check_rates, tap, python)
    tap.part("in front", check_in_front, tap, found[-1])
    for settings in SETTINGS:
        tap.part("settings", lambda: check_rates(tap, found[0], **settings))
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
