#!/usr/bin/python3
"""What blocks are: for every interpreter of the machine, objects of known
types and numbers, each at a line of its own; and in processes that are busy,
idle, sampled, large, stopped or gone."""
import ast
import collections
import os
import re
import signal
import sys
import threading
import time

from drive import (ALL, EXAMPLES, PYTHON, SOURCE, Program, Tap, describe,
                   heaptop, must, profiled_pid, report, segments, wait_for,
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
                "__main__.Outer.Inner", "__main__.local_type.<locals>.Local",
                "collections.OrderedDict", "int"} <= names,
               f"{python.version}: as they call themselves", sorted(names))
        bad = [entry for entry in entries if not check_adds_up(entry)
               or entry["types_sampled"] != 1]
        tap.ok(not bad, f"{python.version}: all blocks are told",
               describe(bad))


def check_sampled(tap):
    with workplace(), Program(PYTHON, PROGRAM,
                              options=["--sample", "512"]) as program:
        truth = told(program)
        seen = found(report(profiled_pid(), "--types", "--top", ALL,
                            "--filter", PROGRAM.name)["entries"], PROGRAM)
        bad = []
        for line, types in truth.items():
            for name, count in types.items():
                if not count * 0.5 < seen[line][name] < count * 1.5:
                    bad.append(f"line {line}: {count} of {name} wanted, got "
                               f"{dict(seen[line])}")
        tap.ok(not bad, "sampled blocks stand for what they stand for",
               "\n".join(bad))


def check_churn(tap, python):
    names = re.compile(r"[\w.<>]+|\(\w[\w ]*\)")
    with workplace(), Program(*python.command, CHURN) as program:
        program.line("^ready$")
        pid = profiled_pid()
        strange, counts = set(), collections.Counter()
        for _ in range(6):
            for entry in report(pid, "--types", "--top", "20",
                                "--filter", CHURN.name)["entries"]:
                for kind in entry["types"]:
                    counts[kind["type"]] += kind["count"]
                    if not names.fullmatch(kind["type"]):
                        strange.add(kind["type"])
        program.process.stdin.close()
        turns = program.line(r"^done \[(.*)\]$").group(1)
        tap.ok(program.process.wait() == 0 and not strange
               and counts["__main__.Base"] and counts["__main__.Kind1"]
               and "0" not in turns.split(", "),
               f"{python.version}: while objects and classes come and go",
               strange, counts, turns)


def check_together(tap):
    with workplace(), Program(PYTHON, PROGRAM) as program:
        truth = told(program)
        pid = profiled_pid()
        problems = []

        def ask():
            for _ in range(4):
                try:
                    seen = found(report(pid, "--types", "--top", "20",
                                        "--filter", PROGRAM.name)["entries"],
                                 PROGRAM)
                    problems.extend(filter(None, (wrong(truth, seen, line)
                                                  for line in truth
                                                  if line in seen)))
                except Exception as error:
                    problems.append(str(error))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tap.ok(not problems, "several ask at once, each gets his own",
               "\n".join(problems))


def check_large(tap):
    full = 1 << 24
    with workplace(), Program(PYTHON, EXAMPLES / "numpy_ints.py",
                              full) as program:
        program.line(rf"^{full} numbers kept$")
        pid = profiled_pid()
        start = time.monotonic()
        entry = report(pid, "--types", "--top", "1")["entries"][0]
        spent = time.monotonic() - start
        types = {kind["type"]: kind for kind in entry["types"]}
        tap.ok(abs(types["int"]["count"] - full) < full / 1000
               and types["(buffer)"]["count"] == 64
               and types["(buffer)"]["size"] >> 20 == 128,
               "16.7 million ints, and the items of the lists they are in",
               types)
        tap.ok(entry["types_sampled"] > 100, "estimated, and it says so",
               entry["types_sampled"])
        tap.ok(spent < 5, f"in {spent:.2f} s", spent)
        text = must("report", pid, "--types", "--top", "1")
        tap.ok(re.search(r"\n    int 16,7\d\d,\d{3} blocks, 51\d MiB; "
                         r"\(buffer\) 64 blocks, 128 MiB.* "
                         r"\(estimated from one block in \d{3}\)\n", text),
               "and in text", text)


HOLDS_THE_GIL = """
import re
kept = [str(n) * 9 for n in range(1000)]
print("ready", flush=True)
re.match("(a*)*b", "a" * 40)
"""


def check_holding(tap):
    with workplace(), Program(PYTHON, "-c", HOLDS_THE_GIL) as program:
        program.line("^ready$")
        types = report(profiled_pid(), "--types", "--filter",
                       "<string>:3")["entries"][0]["types"]
        tap.ok({"type": "str", "count": 1000} ==
               {key: types[0][key] for key in ("type", "count")},
               "while somebody holds the GIL for ever", types)


def refusal(tap, what, why):
    result = heaptop("report", what, "--types")
    tap.ok(result.returncode == 1 and not result.stdout
           and why in result.stderr.splitlines()[-1],
           f"no answer: {why}", result.returncode, result.stdout[:300],
           result.stderr)


def check_refused(tap):
    with workplace() as scratch, Program(PYTHON, PROGRAM) as program:
        program.line("^ready$")
        pid = profiled_pid()
        must("snapshot", pid, "-o", scratch / "saved.json")
        refusal(tap, scratch / "saved.json", "it is a saved snapshot")
        os.kill(pid, signal.SIGSTOP)
        refusal(tap, pid, "does not answer")
        os.kill(pid, signal.SIGCONT)
        tap.ok(report(pid, "--types")["entries"], "it goes on, and answers")
        path = segments()[pid]
        os.kill(pid, signal.SIGKILL)
        wait_for("its end", lambda: not os.path.exists(f"/proc/{pid}"))
        refusal(tap, path, "it has ended")
    with workplace(), Program("sleep", "1000"):
        pid = profiled_pid()
        refusal(tap, pid, "no Python")


def main():
    tap = Tap()
    found_here = pythons.found()
    for python in found_here:
        tap.part(python.version, check_version, tap, python)
    for python in found_here:
        tap.part(python.version, check_churn, tap, python)
    for check in (check_sampled, check_together, check_large, check_holding,
                  check_refused):
        tap.part(check.__name__, check, tap)
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
