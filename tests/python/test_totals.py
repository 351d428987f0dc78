#!/usr/bin/python3
"""What the viewer shows does not depend on whether the program traces: its
totals go on, and a stack is one row however often tracing began anew."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(
    os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__),
                                              "../..")), "tests/e2e"))
from drive import (ALL, PYTHON, SOURCE, Program, Tap, profiled_pid,  # noqa
                   report, workplace)

TURNS = 3
COUNT = 100
SIZE = 5000
CODE = """
import sys
sys.path.insert(0, {module!r})
import heaptop
kept = []
for turn in range({turns}):
    heaptop.start()
    for i in range({count}):
        kept.append(bytes({size} - 33))
    live = heaptop.get_traced_memory()[0]
    heaptop.stop()
print("traced", live, flush=True)
sys.stdin.readline()
"""


def check(tap):
    code = CODE.format(module=str(SOURCE / "share" / "python"), turns=TURNS,
                       count=COUNT, size=SIZE)
    with Program(PYTHON, "-c", code) as program:
        live = int(program.line(r"^traced (\d+)$").group(1))
        tap.ok(SIZE * COUNT <= live < SIZE * (COUNT + 10),
               "the program is told of the last turn only", live)
        found = report(profiled_pid(), "--group-by", "traceback", "--top",
                       ALL)
        rows = [(entry["size"], entry["count"]) for entry in found["entries"]
                if entry["file"] == "<string>" and
                entry["size"] >= SIZE * COUNT]
        # The list that has them is of the same line.
        tap.ok(len(rows) == 1 and rows[0][1] == COUNT * TURNS + 1 and
               0 < rows[0][0] - SIZE * COUNT * TURNS < SIZE,
               "the viewer has all turns in one row", rows)


def main():
    tap = Tap()
    with workplace():
        tap.part("totals", check, tap)
    tap.done()


if __name__ == "__main__":
    main()
