"""Code objects that are freed and whose addresses are used again never yield a
wrong name: under every interpreter of the machine, with the whole agent."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../e2e")]
import pythons  # noqa: E402
from drive import ALL, Program, profiled_pid, report, workplace  # noqa: E402

PROGRAM = os.path.join(pythons.SOURCE, "tests/programs/py_reuse.py")
COUNT, DEPTH = 400, 6
# Sampled, code objects are freed unseen; blocks of more than half the interval
# are recorded for certain.
MODES = [(5000, []), (40000, ["--sample", "65536"])]


def wrong(entries, least):
    """What is not as py_reuse.py says, of the blocks that only it makes."""
    found = {}
    bad = []
    for entry in entries:
        size = entry["size"] - least
        if entry["count"] != 1 or not 0 <= size < COUNT:
            continue
        frames = [(frame["file"], frame["function"], frame["line"])
                  for frame in entry["traceback"]
                  if frame["kind"] == "python"]
        name = ("%d.py" % size, "made_%d" % size)
        expected = [name + (5 + size % 2,)] + [name + (4,)] * DEPTH
        found[size] = True
        if frames[:DEPTH + 1] != expected:
            bad.append("%d: %r" % (size, frames[:3]))
    if len(found) != COUNT:
        missing = sorted(set(range(COUNT)) - set(found))
        bad.append("nothing of %r" % missing)
    return bad


def check(tap, python, size, options):
    with workplace(), Program(*python.command, PROGRAM, size,
                              options=options) as program:
        again = int(program.line(r"^(\d+) used again$").group(1))
        found = report(profiled_pid(), "--group-by", "traceback",
                       "--top", ALL)
        bad = wrong(found["entries"], size)
        program.say("enough\n")
        program.end()
    tap.point(again > COUNT / 4 and not bad,
              "%s%s: %d addresses used again, every name right"
              % (python.version, ", sampled" if options else "", again),
              "\n".join(bad))


def main():
    found = pythons.found()
    if not found:
        pythons.skip_all("no Python 3.6 or later on this machine")
    tap = pythons.Tap(len(found) * len(MODES))
    for python in found:
        for size, options in MODES:
            check(tap, python, size, options)
    tap.end()


main()
