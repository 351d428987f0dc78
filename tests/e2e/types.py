#!/usr/bin/python3
"""What blocks are: for every interpreter of the machine, objects of known
types and numbers, each at a line of its own."""
import ast
import collections
import sys
from pathlib import Path

from drive import (ALL, PYTHON, SOURCE, Failed, Program, Tap, describe,
                   heaptop, load, must, profiled_pid, report, wait_for,
                   workplace)

sys.path.insert(0, str(SOURCE / "tests" / "agent" / "py"))
import pythons  # noqa: E402

PROGRAM = SOURCE / "tests" / "programs" / "py_types.py"
CHURN = SOURCE / "tests" / "programs" / "py_types_churn.py"
# Dead objects on free lists are charged to the line they were first made at:
# the new ones that took their place are missed where they live.
KEPT = {"float": 100, "list": 80, "dict": 80, "tuple": 200, "complex": 100,
        "int": 100, "OrderedDict": 0, "set": 0}
NOT_TYPES = ("(buffer)", "(free list)", "(malloc)", "(pymem_raw)", "(mmap)")


def told(program):
    """{line: {type: count}}"""
    program.line("^ready$")
    truth = {}
    for line in program.lines:
        words = line.split(" ", 2)
        if words[0] == "line":
            truth[int(words[1])] = ast.literal_eval(words[2])
    return truth


def found(entries, script):
    """{line: {last part of the type's name: count}}"""
    lines = collections.defaultdict(collections.Counter)
    for entry in entries:
        if not entry["file"].endswith(script.name):
            continue
        for kind in entry["types"]:
            name = kind["type"]
            if name not in NOT_TYPES:
                name = name.split(".")[-1]
            lines[entry["line"]][name] += kind["count"]
    return lines


def wrong(truth, seen, line):
    """What does not agree at one line, in words."""
    for name, count in truth[line].items():
        spare = KEPT.get(name, 0)
        if not count - spare <= seen[line][name] <= count + 2:
            return (f"line {line}: {count} of {name} wanted, "
                    f"got {dict(seen[line])}")
    return ""


def check_adds_up(entry):
    return (sum(kind["count"] for kind in entry["types"]) == entry["count"] and
            sum(kind["size"] for kind in entry["types"]) == entry["size"])


def check_version(tap, python, *options):
    with workplace(), Program(*python.command, PROGRAM,
                              options=options) as program:
        truth = told(program)
        entries = report(profiled_pid(), "--types", "--top", ALL,
                         "--filter", PROGRAM.name)["entries"]
        seen = found(entries, PROGRAM)
        problems = [wrong(truth, seen, line) for line in truth]
        tap.ok(truth and not any(problems),
               f"{python.version}: every type, by line",
               "\n".join(filter(None, problems)))
        names = {kind["type"] for entry in entries
                 for kind in entry["types"]}
        tap.ok({"__main__.Slotted", "__main__.Point", "some.where.Metered",
                "int"} <= names, f"{python.version}: with their modules",
               sorted(names))
        bad = [entry for entry in entries if not check_adds_up(entry)
               or entry["types_sampled"] != 1]
        tap.ok(not bad, f"{python.version}: all blocks are told",
               describe(bad))


def main():
    tap = Tap()
    for python in pythons.found():
        tap.part(python.version, check_version, tap, python)
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
