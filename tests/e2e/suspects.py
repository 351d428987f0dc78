#!/usr/bin/python3
"""One leak, a cache that is full, and churn, in C and in Python: the screen of
suspects names the leak first, and only it; its source shows the line.
"""
import json
import shutil
import subprocess

from drive import (PYTHON, SOURCE, Program, Tap, heaptop, profiled_pid,
                   workplace)

PROGRAMS = SOURCE / "tests" / "programs"
# The cache is full after four seconds and must be level for two quarters.
SCRIPT = """
resize 140x40
wait-for 0:09 ago
wait-for 0:18 ago
key X
wait-for LATELY
dump -
key a
wait-for SOURCE
dump -
key S C-u
type {saved}
key Enter
wait-for saved '
"""


def look(scratch, *command):
    """What the screens show of the program."""
    script = scratch / "script"
    script.write_text(SCRIPT.format(saved=scratch / "saved.json"))
    with Program(*command):
        shown = heaptop("--script", script, profiled_pid())
        early = heaptop("top", "-b", "--suspects", "-n", "1", profiled_pid())
    return shown.stdout + shown.stderr, early.stdout


def check_text(tap, scratch, name, early):
    """The same evidence without a screen."""
    saved = scratch / "saved.json"
    text = heaptop("report", "--suspects", saved).stdout
    answer = heaptop("report", "--suspects", "--json", "--top", "1",
                     saved).stdout
    tap.ok("too early to tell" in early, f"{name}: evidence takes time", early)
    tap.ok(text.count("    evidence: +") == 1 and "no evidence: " in text,
           f"{name}: a report of what was saved has the evidence", text)
    answer = json.loads(answer)
    first = answer["entries"][0]
    tap.ok(first["function"] == "leak" and len(answer["entries"]) == 1 and
           first["evidence"]["rank"] > 0 and first["evidence"]["grew"] > 0.9
           and answer["suspects"]["moments"] >= 8,
           f"{name}: and as JSON", answer)


def check_sorted(tap, scratch, name):
    """The leak is still growing; the cache has grown more, but no longer."""
    saved = scratch / "saved.json"
    first = {how: json.loads(heaptop("report", "--json", "--sort", how, "--top",
                                     "1", "--group-by", "function",
                                     saved).stdout)["entries"][0]["function"]
             for how in ("size", "age", "trend")}
    tap.ok(first == {"size": "remember", "age": "leak", "trend": "remember"},
           f"{name}: sorted by how rows went", first)


def line_with(screen, text):
    return next((line for line in screen.splitlines() if text in line), "")


def check(tap, scratch, name, source, *command):
    screen, early = look(scratch, *command)
    lines = screen.splitlines()
    head = next((at for at, line in enumerate(lines) if "LATELY" in line), 0)
    first = lines[head + 1] if head else ""
    tap.ok("(leak)" in first and "▸" in first,
           f"{name}: the leak is the first suspect", screen)
    for what in ("(remember)", "(churn)"):
        tap.ok("▸" not in line_with(screen, what),
               f"{name}: nothing speaks against {what[1:-1]}", screen)
    hot = line_with(screen, source)
    tap.ok("█" in hot or "▁" in hot or "▂" in hot or "▃" in hot,
           f"{name}: the source shows what the line holds", screen)
    check_text(tap, scratch, name, early)
    check_sorted(tap, scratch, name)


def python(tap):
    with workplace() as scratch:
        check(tap, scratch, "python", "leaked.append(bytearray(3000))", PYTHON,
              PROGRAMS / "py_leak.py")


def native(tap):
    if not shutil.which("gcc"):
        tap.skip("C: the leak is the first suspect", "there is no gcc")
        return
    with workplace() as scratch:
        program = scratch / "leaks"
        subprocess.run(["gcc", "-g", "-O1", "-o", program,
                        PROGRAMS / "leaks.c"], check=True)
        check(tap, scratch, "C", "void **block = malloc(3000);", program)


def main():
    tap = Tap()
    tap.part("python", python, tap)
    tap.part("C", native, tap)
    tap.done()


main()
