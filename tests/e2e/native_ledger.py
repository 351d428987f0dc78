#!/usr/bin/python3
"""A C program that keeps its own books, compared with heaptop to the byte."""
import json
import os
import sys

from drive import (ALL, BUILD, Program, Tap, describe, report, segments,
                   wait_for, workplace)

LEDGER = BUILD / "tests" / "programs" / "ledger"

# threads, steps in each, seed, options of run
RUNS = [
    (0, 20000, 1, []),
    (4, 20000, 7, []),
    (16, 5000, 3, []),
    (4, 3000, 11, ["--unwinder", "check"]),
    (2, 3000, 13, ["--unwinder", "libunwind"]),
]


def ours(entry):
    return (entry["file"] or "").endswith("/ledger.c")


def differences(sites, entries, key):
    """What heaptop says of each site, where it is not what the books say.
    A row that holds nothing is not shown."""
    said = {entry[key]: entry for entry in entries if ours(entry)}
    found = []
    for site in sites:
        entry = said.get(site[key])
        if entry is None:
            entry = dict(site, size=0, count=0)
        for what in ("size", "count", "total_size", "total_count"):
            if entry[what] != site[what]:
                found.append(f"{site['function']} {what}: heaptop "
                             f"{entry[what]}, books {site[what]}")
    return found


def check(tap, ledger, when):
    """One ledger, by function and by line."""
    wait_for(f"the segment of {ledger['pid']}",
             lambda: ledger["pid"] in segments())
    for group, key in (("function", "function"), ("lineno", "line")):
        entries = report(ledger["pid"], "--group-by", group, "--top",
                         ALL)["entries"]
        found = differences(ledger["sites"], entries, key)
        tap.ok(not found, f"{when}, by {group}: as the books say", *found,
               describe(entries, 20))
    kinds = {entry["function"]: entry["domain"] for entry in entries
             if ours(entry)}
    wrong = [name for name, kind in kinds.items()
             if kind != ("mmap" if name == "by_mmap" else "malloc")]
    tap.ok(not wrong, f"{when}: every site is of its domain", kinds)


def ledgers(program, command):
    """Says a command; returns the ledger that answers it."""
    before = len(program.lines)
    if command:
        program.say(command + "\n")
    wait_for(f"the ledger after {command!r}",
             lambda: len(program.lines) > before)
    return json.loads(program.lines[before])


def run(tap, threads, steps, seed, options):
    name = " ".join([f"{threads} threads", *options])
    with Program(LEDGER, threads, steps, seed, options=options) as program:
        first = json.loads(program.line(r"^(\{.*\})$").group(1))
        check(tap, first, name)
        check(tap, ledgers(program, "more"), f"{name}, going on")
        child = ledgers(program, "fork")
        tap.ok(child["pid"] != first["pid"], f"{name}: a child has its own")
        check(tap, child, f"{name}, in a forked child")
        check(tap, ledgers(program, "more"), f"{name}, after the fork")
        dropped = ledgers(program, "drop")
        check(tap, dropped, f"{name}, all dropped")
        status, _, errors = program.end()
        tap.equal(status, 0, f"{name}: ends as without heaptop")
        tap.equal(errors, "", f"{name}: nothing was printed")


def main():
    tap = Tap()
    if not os.access(LEDGER, os.X_OK):
        print("1..0 # SKIP tests/programs/ledger is not built")
        return 0
    for number, (threads, steps, seed, options) in enumerate(RUNS):
        with workplace():
            tap.part(f"run {number + 1}", run, tap, threads, steps, seed,
                     options)
    tap.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
