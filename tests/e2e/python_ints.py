#!/usr/bin/python3
"""Sixteen million ints at one line: the biggest entry, and its exact size.

tracemalloc is the truth. It runs in the same process, on top of heaptop, and
starts just before the numbers are read; what both count at that line must be
equal to the block and to the byte, but for the one block that tracemalloc
itself allocates there: its record of a traceback of one frame.
"""
import re
import sys

from drive import (ALL, EXAMPLES, PYTHON, Program, Tap, describe, must,
                   profiled_pid, report, workplace)

COUNT = 1 << 20  # traced: tracemalloc needs minutes for all of them
FULL = 1 << 24
PROGRAM = EXAMPLES / "numpy_ints.py"
RECORD = 24  # bytes of that block

UNDER_TRACEMALLOC = """
import sys, tracemalloc
sys.path.insert(0, {folder!r})
import numpy_ints
tracemalloc.start(1)
table = numpy_ints.ingest({count})
snapshot = tracemalloc.take_snapshot()
tracemalloc.stop()
top = snapshot.statistics("lineno")[0]
frame = top.traceback[0]
print("truth", frame.lineno, top.size, top.count, flush=True)
sys.stdin.readline()
"""


def line_of(text):
    return next(number for number, line
                in enumerate(PROGRAM.read_text().splitlines(), 1)
                if text in line)


def tolist_entries(pid, line):
    """What is live at the tolist line, one entry for each stack."""
    found = report(pid, "--group-by", "traceback", "--top", ALL)
    return [entry for entry in found["entries"]
            if entry["file"].endswith("numpy_ints.py")
            and entry["line"] == line]


def check_against_tracemalloc(tap):
    code = UNDER_TRACEMALLOC.format(folder=str(EXAMPLES), count=COUNT)
    with Program(PYTHON, "-c", code) as program:
        truth = program.line(r"^truth (\d+) (\d+) (\d+)$")
        line, size, count = map(int, truth.groups())
        tap.equal(line, line_of("tolist()"), "tracemalloc names the line")
        pid = profiled_pid()
        entries = tolist_entries(pid, line)
        tap.equal(sum(entry["count"] for entry in entries), count + 1,
                  "as many blocks as tracemalloc counts")
        tap.equal(sum(entry["size"] for entry in entries), size + RECORD,
                  "as many bytes as tracemalloc counts")


def check_biggest(tap):
    with Program(PYTHON, PROGRAM, FULL) as program:
        program.line(rf"^{FULL} numbers kept$")
        pid = profiled_pid()
        entry = report(pid)["entries"][0]
        tap.ok(entry["file"].endswith("numpy_ints.py")
               and entry["line"] == line_of("tolist()")
               and entry["function"] == "to_rows",
               "the line of tolist() is the biggest entry", describe([entry]))
        # An int of two digits has 32 bytes, its place in the list 8 more;
        # a list that Python keeps for the next one is charged to its maker.
        lists = entry["count"] - FULL
        tap.ok(64 <= lists <= 128, "it holds every int, and the 64 lists",
               describe([entry]))
        tap.ok(0 <= entry["size"] - FULL * 40 <= 64 * 64,
               "in 640 MiB", describe([entry]))
        tap.ok(entry["average"] in range(38, 43), "of 40 bytes on average",
               describe([entry]))
        check_callers(tap, pid)
        check_text(tap, pid)
        program.say("enough\n")
        status, lines, errors = program.end()
        tap.equal((status, lines, errors), (0, [f"{FULL} numbers kept"], ""),
                  "the program's output and status are its own")


def check_callers(tap, pid):
    entry = report(pid, "--group-by", "traceback", "--top", "1")["entries"][0]
    functions = [frame["function"] for frame in entry["traceback"]
                 if frame["kind"] == "python"]
    tap.equal(functions, ["to_rows", "ingest", "main", "<module>"],
              "its traceback shows the callers")
    lines = [frame["line"] for frame in entry["traceback"]
             if frame["kind"] == "python"]
    tap.equal(lines, [line_of("tolist()"), line_of("table.append("),
                      line_of("table = ingest("), line_of("    main()")],
              "each at its line")


def check_text(tap, pid):
    text = must("report", pid, "--top", "1")
    tap.ok(re.search(rf"numpy_ints\.py:{line_of('tolist()')}: "
                     rf"size=640 MiB, count=167\d{{5}}, average=40 B",
                     text), "the text says so", text)


def main():
    tap = Tap()
    for check in (check_against_tracemalloc, check_biggest):
        with workplace():
            tap.part(check.__name__, check, tap)
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
