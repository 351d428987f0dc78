"""An interpreter without a row in the table of layouts: native frames, and a
loss that is counted and said; nothing of it is guessed at or called."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../e2e")]
from drive import (BUILD, Tap, describe, must, profiled_pid,  # noqa: E402
                   Program, report, workplace)

PROGRAM = BUILD / "tests/programs/py_unknown"
BLOCKS, SIZE = 1000, 5000
SENTENCE = "interpreters of unknown version or build: native only"


def check(tap):
    with Program(PROGRAM) as program:
        program.line("^kept$")
        pid = profiled_pid()
        found = report(pid, "--group-by", "traceback", "--top", "1")
        entry = found["entries"][0]
        tap.equal((entry["count"], entry["size"]), (BLOCKS, BLOCKS * SIZE),
                  "its blocks are counted")
        tap.equal({frame["kind"] for frame in entry["traceback"]}, {"native"},
                  "all frames are native")
        tap.ok("keep" in [frame["function"] for frame in entry["traceback"]],
               "they are those that allocate", describe([entry]))
        tap.equal(found["process"]["python"], "3.99.0", "its version is told")
        tap.equal(found["losses"].get("py_unknown"), 1,
                  "JSON has the loss by name")
        text = must("report", pid)
        tap.ok("1 " + SENTENCE in text, "the report says it in a sentence",
               text)
        tap.equal(program.end(), (0, ["kept"], ""), "the program ends well")


def main():
    tap = Tap()
    with workplace():
        tap.part("unknown", check, tap)
    tap.done()


main()
