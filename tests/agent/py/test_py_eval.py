"""The interpreter's loop, as the agent finds it, against the symbols: of the
interpreter, or of what its maker keeps apart for debuggers."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import pythons  # noqa: E402

PROGRAM = os.path.join(pythons.SOURCE, "tests/programs/py_eval.py")
LOOP = re.compile(r"_PyEval_EvalFrameDefault(\.cold|$)|_TAIL_CALL_")
# A part that is smaller is a stop for the impossible, and never on a stack.
TINY = 16
PADDING = 64  # what lies closer together is one part


def readelf(*arguments):
    return subprocess.run(["readelf", "-W"] + list(arguments),
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          universal_newlines=True).stdout


def debug_file(path):
    match = re.search(r"Build ID: (..)(\S+)", readelf("-n", path))
    return match and "/usr/lib/debug/.build-id/%s/%s.debug" % match.groups()


def parts(path):
    """The ranges of the loop's symbols, by address; and whether all are
    there: a stripped file has only the one to link with."""
    found = set()
    complete = False
    for file in (path, debug_file(path)):
        if not file or not os.path.exists(file):
            continue
        text = readelf("-s", file)
        complete = complete or ".symtab" in text
        for line in text.splitlines():
            fields = line.split()
            if (len(fields) > 7 and fields[3] == "FUNC" and
                    LOOP.match(fields[7])):
                low, size = int(fields[1], 16), int(fields[2], 0)
                if size >= TINY and low:
                    found.add((low, low + size))
    return joined(sorted(found)), complete


def joined(parts):
    out = []
    for low, high in parts:
        if out and low <= out[-1][1] + PADDING:
            low, high = out[-1][0], max(high, out[-1][1])
            out.pop()
        out.append((low, high))
    return out


def main():
    found = pythons.found()
    if not found:
        pythons.skip_all("no Python 3.6 or later on this machine")
    tap = pythons.Tap(len(found))
    for python in found:
        done = python.run([PROGRAM])
        lines = done.stdout.split("\n")
        ours = [tuple(int(end, 16) for end in line.split())
                for line in lines[1:] if line]
        theirs, complete = parts(lines[0])
        good = done.returncode == 0 and bool(ours) and (
            ours == theirs if complete else set(theirs) <= set(ours))
        tap.point(good, "%s, the loop in %d parts%s" % (
            python.version, len(ours), "" if complete else
            ", of which the symbols tell %d" % len(theirs)),
            "%s\n%r" % (done.stdout, [[hex(end) for end in part]
                                      for part in theirs]))
    tap.end()


main()
