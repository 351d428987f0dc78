#!/usr/bin/python3
"""Sampled processes: what is estimated is near the truth, and the rate of a
running program can be changed and its totals stay right."""
import os
import re
import signal
import sys

from drive import (ALL, BUILD, PYTHON, Program, Tap, describe, diff, heaptop,
                   must, profiled_pid, report, segments, wait_for, workplace)
from native_ledger import ledgers

CROWD = BUILD / "tests" / "programs" / "crowd"
INTERVAL = 8192


def rows(what, *options):
    found = report(what, "--group-by", "function", "--top", ALL, *options)
    return {entry["function"]: entry for entry in found["entries"]
            if entry["file"].endswith("/crowd.c")}


def beyond(entry, truth, what, error):
    """An estimate four standard errors from the truth; a block of a weight
    may be rounded by a half."""
    slack = 4 * entry[error] + 1
    return [] if abs(entry[what] - truth) <= slack else [
        f"{entry['function']} {what}: {entry[what]} +- {entry[error]}, "
        f"books {truth}"]


def check_near(tap, ledger, when):
    said = rows(ledger["pid"])
    found = []
    for site in ledger["sites"]:
        entry = said[site["function"]]
        found += beyond(entry, site["size"], "size", "size_error")
        found += beyond(entry, site["count"], "count", "count_error")
    tap.ok(not found, f"{when}: within four standard errors", *found,
           describe(list(said.values()), 20))
    return said


def check_exact(tap, ledger, when):
    said = rows(ledger["pid"])
    found = [f"{site['function']}: {entry['size']} in {entry['count']}"
             for site in ledger["sites"]
             for entry in [said.get(site["function"],
                                    {"size": 0, "count": 0})]
             if (entry["size"], entry["count"]) !=
             (site["size"], site["count"])]
    tap.ok(not found, f"{when}: as the books say", *found)
    return said


def rate(tap, pid, wanted, pattern):
    """Changes the rate; what it says must match."""
    result = heaptop("rate", pid, wanted)
    tap.ok(result.returncode == 0 and not result.stderr and
           re.fullmatch(rf"process {pid}: {pattern}\n", result.stdout),
           f"rate {wanted}: says what it did", result.stdout, result.stderr)


def seen(pid):
    wait_for(f"the segment of {pid}", lambda: pid in segments())


def check_growth(tap, old, first, second):
    text = must("diff", old, second["pid"], "--group-by", "function")
    tap.ok(re.search(r"size=\S+ \w+ ±\S+ \w+ \([+-]\S+ \w+ ±\S+ \w+\), ",
                     text), "diff shows the errors of growth", text)
    grown = {entry["function"]: entry for entry in
             diff(old, second["pid"], "--group-by", "function", "--top",
                  ALL)["entries"]}
    found = []
    for before, after in zip(first["sites"], second["sites"]):
        entry = grown[after["function"]]
        for what in ("size", "count"):
            found += beyond(entry, after[what] - before[what],
                            f"{what}_diff", f"{what}_diff_error")
    tap.ok(not found, "growth is within four standard errors", *found)
    tap.ok(all(grown[site["function"]]["size_diff_error"] <
               grown[site["function"]]["size_error"]
               for site in first["sites"]),
           "growth is known better than the totals", grown)


def sampled_run(tap, scratch, threads):
    with Program(CROWD, threads,
                 options=["--sample", str(INTERVAL)]) as program:
        first = ledgers(program, "")
        pid = first["pid"]
        seen(pid)
        check_near(tap, first, f"{threads} threads, sampled")
        old = scratch / "old.json"
        must("snapshot", pid, "-o", old)
        text = must("report", pid, "--group-by", "function", "--top", ALL)
        tap.ok(re.search(r"crowd\.c: \w+: size=[^,]* ±[^,]*, count=\d+ ±\d+,",
                         text), "report shows the errors", text)
        tap.ok("sampled 8 KiB" in text, "and the interval", text)
        second = ledgers(program, "more")
        said = check_near(tap, second, f"{threads} threads, twice as much")
        check_growth(tap, old, first, second)
        saved = scratch / "saved.json"
        must("snapshot", pid, "-o", saved)
        again = rows(saved)
        tap.ok(all(again[name]["size_error"] == entry["size_error"] and
                   again[name]["size"] == entry["size"]
                   for name, entry in said.items()),
               "a saved snapshot has the same errors")
        check_near(tap, ledgers(program, "turn"), "all replaced")
        check_exact(tap, ledgers(program, "drop"), "all dropped")
        status, _, errors = program.end()
        tap.equal((status, errors), (0, ""), "it ends as without heaptop")


def changed_run(tap):
    """Exact, sampled, exact again; the books go on all the while."""
    cost = r"(  cost \S+ %)?"
    with Program(CROWD, 2) as program:
        first = ledgers(program, "")
        pid = first["pid"]
        seen(pid)
        said = check_exact(tap, first, "exact")
        tap.ok("size_error" not in said["tiny"], "exact rows have no errors")
        rate(tap, pid, INTERVAL, "was exact, is sampled 8 KiB" + cost)
        said = check_near(tap, ledgers(program, "more"), "sampled since")
        tap.ok(said["tiny"]["size_error"] > 0, "and there are errors")
        rate(tap, pid, "exact", "was sampled 8 KiB, is exact" + cost)
        check_near(tap, ledgers(program, "more"), "exact again")
        rate(tap, pid, "2%",
             "was exact, is (exact|sampled .*)  (cost .* of )?2 % budget")
        ledgers(program, "more")
        rate(tap, pid, "64K", "was .*, is sampled 64 KiB" + cost)
        check_near(tap, ledgers(program, "turn"), "all replaced")
        rate(tap, pid, "exact", "was sampled .*, is exact" + cost)
        check_exact(tap, ledgers(program, "drop"), "all dropped")
        check_exact(tap, ledgers(program, "more"),
                    "exact, with nothing sampled alive")
        os.kill(pid, signal.SIGSTOP)
        result = heaptop("rate", pid, "64K")
        os.kill(pid, signal.SIGCONT)
        tap.ok(result.returncode == 1 and
               "its agent does not answer" in result.stderr and
               result.stderr.count("\n") == 1,
               "a stopped process does not answer", result.stderr)
        status, _, errors = program.end()
        tap.equal((status, errors), (0, ""), "it ends as without heaptop")


STORY = """import sys
keep = [bytearray(1000) for i in range(20000)]
more = [float(i) for i in range(100000)]
text = ["%d" % i for i in range(50000)]
print("ready", flush=True)
sys.stdin.readline()
"""


def python_rows(scratch, *options):
    """Lines 2 to 4 of the story: size, count and their errors."""
    path = scratch / "story.py"
    path.write_text(STORY)
    with Program(PYTHON, path, options=options) as program:
        program.line("ready")
        found = report(profiled_pid(), "--top", ALL, "--filter", "story.py")
        program.end()
    wait_for("no segment", lambda: not segments())
    return {entry["line"]: entry for entry in found["entries"]
            if 2 <= (entry["line"] or 0) <= 4}


def python_run(tap, scratch):
    """Blocks of Python's allocators, some of which malloc gives them."""
    exact = python_rows(scratch)
    said = python_rows(scratch, "--sample", str(INTERVAL))
    found = []
    for line, truth in exact.items():
        if line not in said:
            found.append(f"line {line} is missing")
            continue
        for what in ("size", "count"):
            found += beyond(said[line], truth[what], what, f"{what}_error")
    tap.ok(len(exact) == 3 and not found,
           "Python's blocks: within four standard errors", *found)


def by_hand(tap, scratch):
    """The key of the viewer does the same."""
    script = scratch / "script"
    script.write_text("wait-for mixed\nkey e\nwait-for budget 2 %\n"
                      "key 2\nwait-for recording: sampled 64 KiB\n"
                      "key e\nkey 1\nwait-for recording: exact\nkey q\n")
    with Program(CROWD, 1) as program:
        pid = ledgers(program, "")["pid"]
        seen(pid)
        result = heaptop("--script", script, pid)
        tap.ok(result.returncode == 0, "the viewer changes the rate",
               result.stdout, result.stderr)
        tap.equal(program.end()[0], 0, "the program did not notice")


def budget_run(tap):
    with Program(CROWD, 1, options=["--budget", "2%"]) as program:
        pid = ledgers(program, "")["pid"]
        seen(pid)
        found = report(pid)
        tap.equal(found.get("budget_ppm"), 20000, "run --budget sets one")
        tap.equal(program.end()[0], 0, "and the program runs")


def idle_run(tap):
    """All that an idle process uses is the agent's ticks: no cost to tell."""
    with Program(CROWD, 1) as program:
        pid = ledgers(program, "")["pid"]
        seen(pid)
        wait_for("the cost of an idle process to be little",
                 lambda: report(pid).get("cost_ppm", 10**6) < 200_000)
        tap.ok(True, "an idle process costs little")
        tap.equal(program.end()[0], 0, "and goes on")


def main():
    tap = Tap()
    if not os.access(CROWD, os.X_OK):
        print("1..0 # SKIP tests/programs/crowd is not built")
        return 0
    parts = [(sampled_run, 1), (sampled_run, 4), (changed_run,),
             (python_run,), (by_hand,), (budget_run,), (idle_run,)]
    for part, *arguments in parts:
        with workplace() as scratch:
            if part in (sampled_run, python_run, by_hand):
                arguments.insert(0, scratch)
            tap.part(part.__name__, part, tap, *arguments)
    tap.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
