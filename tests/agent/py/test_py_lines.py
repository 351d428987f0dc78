"""Compares lines and names of the standard library's code objects, in every
interpreter of the machine. HEAPTOP_TEST_FULL=1 takes every file."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import pythons  # noqa: E402

PROGRAM = os.path.join(pythons.SOURCE, "tests/programs/py_lines.py")


def main():
    found = pythons.found()
    if not found:
        pythons.skip_all("no Python 3.6 or later on this machine")
    tap = pythons.Tap(len(found))
    step = "1" if os.environ.get("HEAPTOP_TEST_FULL") else "25"
    for python in found:
        done = python.run([PROGRAM, step])
        tap.point(done.returncode == 0,
                  "%s: %s" % (python.version, done.stdout.split("\n")[0]),
                  done.stdout)
    tap.end()


main()
