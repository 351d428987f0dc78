"""Compares lines and names of the standard library's code objects, in every
interpreter of the machine: all files of one of them, a different one each day,
and one file of 25 of the others. HEAPTOP_TEST_FULL=1 takes all of all."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import pythons  # noqa: E402

PROGRAM = os.path.join(pythons.SOURCE, "tests/programs/py_lines.py")


def main():
    found = pythons.found()
    if not found:
        pythons.skip_all("no Python 3.6 or later on this machine")
    tap = pythons.Tap(len(found))
    whole = [found[int(time.time() // 86400) % len(found)]]
    if os.environ.get("HEAPTOP_TEST_FULL"):
        whole = found
    for python in found:
        step = "1" if python in whole else "25"
        done = python.run(["-W", "ignore", PROGRAM, step])
        tap.point(done.returncode == 0,
                  "%s: %s" % (python.version,
                              done.stdout.strip().split("\n")[-1]),
                  done.stdout)
    tap.end()


main()
