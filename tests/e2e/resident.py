#!/usr/bin/python3
"""The ledger: each verdict, of a program that was built to have it."""
import json

from drive import (BUILD, PYTHON, Program, Tap, must, profiled_pid, wait_for,
                   workplace)

MIB = 1 << 20
RESIDENT = str(BUILD / "tests" / "programs" / "resident")

# way, verdict, where at least 60 of the 64 MiB are, with at most so much else
WAYS = [
    ("leak", "call_sites", "live"),
    ("fragments", "allocator", "malloc_kept"),
    ("file", "untracked", "files"),
    ("shared", "untracked", "shared"),
    ("kernel", "untracked", "unexplained"),
    ("fixed", "untracked", "files"),
    ("big", "call_sites", "live"),
]
PARTS = ("live", "malloc_kept", "python_kept", "files", "shared", "stacks",
         "agent", "unexplained", "overlap")

POOLS = """
import sys
numbers = [float(i) for i in range(3000000)]
kept = numbers[::100]
del numbers
print("there", flush=True)
sys.stdin.read()
"""


def ledger_of(source):
    return json.loads(must("report", source, "--ledger", "--json", "--top",
                           "1"))["ledger"]


def check_sum(tap, ledger, what):
    tap.equal(sum(ledger[part] for part in PARTS), ledger["rss"],
              f"{what}: the entries add up to RSS")


def elsewhere(ledger, where):
    return sum(ledger[part] for part in PARTS
               if part not in (where, "live", "agent"))


def check_way(tap, way, verdict, where):
    with Program(RESIDENT, way) as program:
        program.line("there")
        program_pid = profiled_pid()
        ledger = ledger_of(program_pid)
        tap.equal(ledger["verdict"], verdict, f"{way}: the verdict")
        tap.ok(ledger[where] >= 60 * MIB, f"{way}: it is in {where}", ledger)
        check_sum(tap, ledger, way)
        # What the agent has it measures bit by bit, at each tick.
        most = (76 if way == "big" else 10) * MIB
        wait_for(f"{way}: little is elsewhere",
                 lambda: elsewhere(ledger_of(program_pid), where) < most)
        tap.ok(True, f"{way}: little is elsewhere")
        program.end()


def check_untouched(tap):
    with Program(RESIDENT, "untouched") as program:
        program.line("there")
        ledger = ledger_of(profiled_pid())
        tap.ok(ledger["overlap"] < -1000 * MIB and ledger["live"] >= 1024 * MIB,
               "blocks never touched: live, and taken off again", ledger)
        check_sum(tap, ledger, "blocks never touched")
        program.end()


def check_pools(tap, place):
    saved = place / "saved.json"
    with Program(PYTHON, "-c", POOLS) as program:
        program.line("there")
        pid = profiled_pid()
        ledger = ledger_of(pid)
        tap.equal(ledger["verdict"], "allocator", "pools: the verdict")
        tap.ok(ledger["python_kept"] >= 60 * MIB,
               "pools: Python keeps what it does not use", ledger)
        tap.ok(ledger["malloc_kept"] < 8 * MIB, "pools: malloc does not",
               ledger)
        check_sum(tap, ledger, "pools")
        text = must("report", pid, "--ledger", "--top", "1")
        tap.ok("kept by the allocator" in text and "kept by Python" in text,
               "the same as text", text)
        must("snapshot", pid, "-o", saved)
        program.end()
    again = ledger_of(saved)
    tap.equal(again["verdict"], "allocator", "a snapshot has its ledger")
    check_sum(tap, again, "a snapshot")


if __name__ == "__main__":
    with workplace() as where_to:
        the_tap = Tap()
        for the_way in WAYS:
            the_tap.part(the_way[0], check_way, the_tap, *the_way)
        the_tap.part("untouched", check_untouched, the_tap)
        the_tap.part("pools", check_pools, the_tap, where_to)
        the_tap.done()
