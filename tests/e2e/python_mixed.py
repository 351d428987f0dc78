#!/usr/bin/python3
"""Stacks of C that Python called, which C called back: every interpreter."""
import gzip
import itertools
import json
import sys

from drive import ALL, SOURCE, Tap, describe, heaptop, report, workplace

sys.path.insert(0, str(SOURCE / "tests/agent/py"))
import pythons  # noqa: E402

PROGRAM = SOURCE / "tests/programs/py_mixed.py"
LOOP = "_PyEval_EvalFrameDefault"
# What is between a frame and the one that called it, innermost first, where
# both have one known name only: (inner, outer, what the native frames have).
BETWEEN = [("key", "by_sort", "sort"),
           ("compare", "by_qsort", "qsort"),
           ("compare", "by_qsort", "ffi"),
           ("add", "by_reduce", "functools"),
           ("twice", "by_sqlite", "sqlite3"),
           ("of_array", "by_numpy", "umath")]


def record(python, mode, scratch, *options):
    """The truth, and what heaptop says, by the size of the block."""
    told, saved = scratch / "truth.json", scratch / f"{mode}.json.gz"
    done = heaptop("run", "--headless", "--native", mode, *options,
                   "--save", saved, "--", *python.command, PROGRAM, told)
    if done.returncode != 0:
        raise RuntimeError(f"exit status {done.returncode}: {done.stderr}")
    truth = json.loads(told.read_text())
    with gzip.open(saved, "rt") as file:
        if json.load(file)["process"]["native"] != mode:
            raise RuntimeError(f"the header does not say {mode}")
    entries = report(saved, "--group-by", "traceback", "--filter", "take",
                     "--top", ALL)["entries"]
    found = {}
    for entry in entries:
        size = entry["size"] - entry["size"] % truth["step"]
        if any(frame["function"].startswith("take")
               for frame in python_frames(entry)[:1]):
            found[str(size)] = entry
    return truth, {size: found.get(size) for size in truth["blocks"]}


def python_frames(entry):
    return [frame for frame in entry["traceback"] if frame["kind"] == "python"]


def same_python(frames, entry):
    """The innermost frame is at another line by now."""
    found = [[frame["function"], frame["file"], frame["line"]]
             for frame in python_frames(entry)]
    wanted = [frame[:3] for frame in frames]
    return (found[1:] == wanted[1:] and
            [frame[:2] for frame in found[:1]] ==
            [frame[:2] for frame in wanted[:1]])


def groups(entry):
    """Native frames before each Python frame, and those after the last."""
    found = [[]]
    for frame in entry["traceback"]:
        if frame["kind"] == "python":
            found.append([])
        else:
            found[-1].append(frame)
    return found


def is_nameless(frame):
    """Of a stripped file: nothing can be said of its functions."""
    return frame["function"].startswith("0x")


def wrong_full(block, entry, version):
    """What is wrong with an interleaved stack; nothing if it is right."""
    if not entry:
        return "it is missing"
    frames = block["frames"]
    if not same_python(frames, entry):
        return "the Python frames differ"
    native = groups(entry)
    if not native[0]:
        return "no native frames inside"
    for frame, outside in zip(frames, native[1:]):
        if frame[3] == "c" and not outside:
            return f"no native frames called {frame[0]}"
        if frame[3] == "python" and outside and version >= [3, 11]:
            return f"native frames called {frame[0]}"
    if any(frame["function"].startswith(LOOP)
           for frame in itertools.chain(*native)):
        return "the loop is a native frame"
    return wrong_between(frames, native) or wrong_end(block, native[-1])


def wrong_between(frames, native):
    names = [frame[0] for frame in frames]
    for inner, outer, part in BETWEEN:
        if inner not in names[:-1] or names[names.index(inner) + 1] != outer:
            continue
        outside = native[names.index(inner) + 1]
        if not any(part in frame["function"] or part in frame["module"]
                   or is_nameless(frame) for frame in outside):
            return f"{part} is not between {inner} and {outer}"
    return None


def wrong_end(block, outermost):
    names = [frame["function"] for frame in outermost]
    if block["frames"][-1][0].endswith("_greenlet"):
        return "frames outside of a greenlet" if names else None
    start = "clone" if "_bootstrap" in block["frames"][-1][0] else "_start"
    if not names or not (names[-1].startswith(start)
                         or is_nameless(outermost[-1])):
        return f"it does not begin in {start}"
    return None


def check_full(tap, python, scratch, *options):
    truth, found = record(python, "full", scratch, *options)
    for missing in truth["missing"]:
        tap.skip(f"{python.version}, full", missing)
    bad = []
    for size, block in truth["blocks"].items():
        wrong = wrong_full(block, found[size], truth["version"])
        if wrong:
            bad.append(f"{block['label']}: {wrong}\n"
                       + describe([found[size]] if found[size] else [], 1))
    tap.ok(len(truth["blocks"]) > 20 and not bad,
           f"{python.version}, full: frames where they belong", *bad[:3])


def check_leaf(tap, python, scratch):
    truth, found = record(python, "leaf", scratch)
    bad = []
    for size, block in truth["blocks"].items():
        native = found[size] and groups(found[size])
        if (not native or any(native[1:])
                or not same_python(block["frames"], found[size])
                or bool(native[0]) == block["label"].startswith("an object")):
            bad.append(block["label"] + "\n" + describe(
                [found[size]] if found[size] else [], 1))
    tap.ok(not bad, f"{python.version}, leaf: native, then Python's", *bad[:3])


def check_none(tap, python, scratch):
    truth, found = record(python, "none", scratch)
    bad = [block["label"] for size, block in truth["blocks"].items()
           if not found[size] or any(groups(found[size]))
           or not same_python(block["frames"], found[size])]
    tap.ok(not bad, f"{python.version}, none: Python's alone", *bad)


def main():
    tap = Tap()
    with workplace() as scratch:
        for python in pythons.found():
            for check in (check_full, check_leaf, check_none):
                tap.part(f"{python.version}, {check.__name__}", check, tap,
                         python, scratch)
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
