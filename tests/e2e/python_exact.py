#!/usr/bin/python3
"""heaptop against tracemalloc, in the same program, to the byte.

Each program of py_exact.py runs under every interpreter of the machine, with
both looking on. What both have seen of a window of the program must be the
same: bytes and blocks, in total and by stack. A block is tracemalloc's at the
stack where its memory came to be; from 3.8 on, where an object was born in it
last, so there the free lists of objects make a difference. From 3.13 on
--freelists sees those births too; before, each block that differs must be the
memory of a type that has a free list.

HEAPTOP_TEST_FULL=1 takes every program under every interpreter,
HEAPTOP_TEST_ONLY="VERSION [NAME...]" some.
"""
import collections
import concurrent.futures
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from drive import BUILD, SOURCE, Program, Tap, segments, wait_for, workplace
from segment import LOST_PY_TRACER, PYMEM_OBJECT, PYMEM_RAW, Segment

sys.path.insert(0, str(SOURCE / "tests/agent/py"))
import pythons  # noqa: E402

PROGRAM = SOURCE / "tests/programs/py_exact.py"
BESIDE = BUILD / "tests/programs/py_beside.so"
DEPTH = 25
SHALLOW = ("json_documents", "resizes")  # by line, too
UNKNOWN = (("<unknown>", 0),)  # tracemalloc's word for no Python stack
SEES_BIRTHS = (3, 13)
REUSES = (3, 8)


def lines_of(function):
    """The lines of a function of the program."""
    text = PROGRAM.read_text().splitlines()
    first = next(number for number, line in enumerate(text, 1)
                 if line.startswith(f"def {function}("))
    rest = (number for number, line in enumerate(text[first:], first + 1)
            if line and not line[0].isspace())
    return range(first, next(rest))


LOOK = lines_of("look")
ASK = range(lines_of("kept_types").start, lines_of("moved").stop)


def is_own(frames):
    """Of what starts and reads tracemalloc, which is not of the window."""
    file, line = frames[0]
    return file == str(PROGRAM) and line in LOOK


def is_asking(frames):
    """Of what compares block by block, after the window."""
    return any(file == str(PROGRAM) and line in ASK for file, line in frames)


def is_of_window(frame, is_outermost):
    """What has such a frame on its stack is of the window. Threads are: there
    is but the main one before."""
    if isinstance(frame, tuple):
        name = frame[2]
        return name == "window" or is_outermost and name.endswith("_bootstrap")
    return is_outermost and re.match(r"lib(c|pthread)\b",
                                     os.path.basename(frame)) is not None


def heaptop_view(sites, depth):
    """Stack -> [bytes, blocks], as tracemalloc would say it."""
    found = collections.defaultdict(lambda: [0, 0])
    for site in sites:
        if not PYMEM_RAW <= site.domain <= PYMEM_OBJECT:
            continue
        stack = tuple(frame[:2] for frame in site.frames
                      if isinstance(frame, tuple))[:depth] or UNKNOWN
        found[stack][0] += site.size
        found[stack][1] += site.count
    return dict(found)


def tracemalloc_view(traces):
    found = collections.defaultdict(lambda: [0, 0])
    for frames, size, count in traces:
        stack = tuple(map(tuple, frames))
        if not is_own(stack):
            found[stack][0] += size * count
            found[stack][1] += count
    return dict(found)


def total(view):
    return [sum(numbers) for numbers in zip(*view.values())]


def differences(ours, theirs):
    return [f"{stack[:3]}: heaptop {ours.get(stack)}, tracemalloc "
            f"{theirs.get(stack)}" for stack in {**ours, **theirs}
            if ours.get(stack) != theirs.get(stack)]


def reuses(python):
    """tracemalloc hears of births out of free lists, and nobody else."""
    return REUSES <= python.key < SEES_BIRTHS or python.free_threaded


class Case:
    """One program under one interpreter."""

    def __init__(self, python, name, depth=DEPTH):
        self.python, self.name, self.depth = python, name, depth
        self.error = None

    def run(self):
        self.reuses = reuses(self.python)
        sees_births = self.python.key >= SEES_BIRTHS and not self.reuses
        options = ["--freelists"] if sees_births else []
        command = [*self.python.command, PROGRAM, BESIDE, self.name,
                   self.depth, *(["moved"] if self.reuses else [])]
        with Program(*command, options=options) as program:
            pid = int(program.line(r"^ready (\d+)$").group(1))
            path = wait_for("its segment", lambda: segments().get(pid))
            with Segment(path) as segment:
                sites, lost = segment.sites(is_of_window)
            # py_beside.c listens to births, and passes them on.
            self.lost = lost[:LOST_PY_TRACER] + lost[LOST_PY_TRACER + 1:]
            program.say("go on\n")
            status, lines, errors = program.end()
        if status:
            raise RuntimeError(f"status {status}: {errors}")
        self.ours = heaptop_view(sites, self.depth)
        traces, moved = json.loads(lines[-1])
        self.moved = [block for block in moved
                      if not any(map(is_asking, block[2:]))]
        self.theirs = tracemalloc_view(traces)
        return self

    def check(self, tap):
        if self.error:
            raise self.error
        what = f"{self.python.version}, {self.name}, {self.depth} frames"
        size, count = total(self.theirs)
        tap.ok(total(self.ours) == [size, count] and not any(self.lost),
               f"{what}: {count} blocks and {size} bytes in all",
               total(self.ours), self.lost,
               *differences(self.ours, self.theirs))
        if self.reuses:
            self.check_moved(tap, what)
        differ = differences(self.ours, self.theirs)
        tap.ok(not differ, f"{what}: at {len(self.theirs)} stacks", *differ)

    def check_moved(self, tap, what):
        """Blocks that tracemalloc has elsewhere, and moves them there."""
        others = [block for block in self.moved if block[0] is None]
        types = collections.Counter(block[0] for block in self.moved)
        tap.ok(not others, f"{what}: what differs is of free lists: "
               + (", ".join(f"{count} {name}" for name, count
                            in types.most_common()) or "nothing"), *others)
        for _, size, ours, theirs in self.moved:
            move(self.ours, ours, -size, -1)
            move(self.ours, theirs, size, 1)


def move(view, stack, size, count):
    stack = tuple(map(tuple, stack))
    numbers = view.setdefault(stack, [0, 0])
    numbers[0] += size
    numbers[1] += count
    if numbers == [0, 0]:
        del view[stack]


def cases():
    """Half of the programs under each interpreter, in turns, unless all are
    wanted."""
    only = os.environ.get("HEAPTOP_TEST_ONLY", "").split()
    every = only or os.environ.get("HEAPTOP_TEST_FULL")
    usual = [python for python in pythons.found()
             if python.version[-1] != "d"]  # those: not these blocks
    for turn, python in enumerate(usual):
        if only and python.version != only[0]:
            continue
        names = subprocess.run([*python.command, str(PROGRAM)], text=True,
                               check=True, capture_output=True).stdout.split()
        for i, name in enumerate(names):
            if name not in (only[1:] or names):
                continue
            if every or (i + turn) % 2 or name == "arrays":
                yield Case(python, name)
            if name in SHALLOW and not reuses(python):
                yield Case(python, name, 1)


TAKEN = """
import ctypes, sys, tracemalloc
listener = ctypes.pythonapi.PyRefTracer_GetTracer
listener.restype = ctypes.c_void_p
def tell(text):
    print(text, listener(None) or 0, flush=True)
    sys.stdin.readline()
tell("begun")
tracemalloc.start()
tell("started")
tracemalloc.stop()
ctypes.pythonapi.PyRefTracer_SetTracer(None, None)  # 3.13.0 does not
tell("stopped")
bytes(1000)
tell("over")
"""


def check_taken(tap, python):
    """tracemalloc has the listener's place while it runs, which is said, and
    the agent before and after."""
    def lost(ticks):
        path = next(iter(wait_for("a segment", segments).values()))
        with Segment(path) as segment:
            for _ in range(ticks):
                found = segment.sites(is_of_window)[1]
        return found[LOST_PY_TRACER]

    seen = []
    with Program(*python.command, "-c", TAKEN,
                 options=["--freelists"]) as program:
        for text in ("begun", "started", "stopped", "over"):
            listener = program.line(rf"^{text} (\d+)$").group(1)
            # It is looked at in a tick's end, and told in the next one.
            seen.append((int(listener), lost(2)))
            program.say("go on\n")
        status, _, errors = program.end()
    tap.equal((status, errors), (0, ""), f"{python.version}: it ends well")
    ours = seen[0][0]
    tap.ok(ours and ours != seen[1][0]
           and [other for _, other in seen] == [0, 1, 1, 1],
           f"{python.version}: another listener is left there, and said", seen)
    tap.equal(seen[3][0], ours, f"{python.version}: its place is taken again")


def outcome(case):
    try:
        return case.run()
    except Exception as error:
        case.error = error
        return case


def main():
    tap = Tap()
    with workplace(), concurrent.futures.ThreadPoolExecutor(2) as pool:
        for case in pool.map(outcome, cases()):
            tap.part(f"{case.python.version}, {case.name}", case.check, tap)
    for python in pythons.found():
        if python.key >= SEES_BIRTHS and python.version[-1] not in "dt":
            with workplace():
                tap.part("taken", check_taken, tap, python)
    tap.done()


if __name__ == "__main__":
    main()
