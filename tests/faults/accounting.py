#!/usr/bin/python3
"""Every event is accounted for: a billion of them, to the byte and the block.

	accounting.py [EVENTS | --long]

Eight threads allocate, reallocate, and free what others allocated, as fast as
they can, and keep books for each site. Ten million events, a billion with
--long, or so many.
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from drive import (ALL, BUILD, Program, Tap, describe,  # noqa: E402
                   profiled_pid, report, workplace)

EXACT = BUILD / "tests/faults/exact"
WANTED = sys.argv[1] if len(sys.argv) > 1 else "10000000"
EVENTS = 1000000000 if WANTED == "--long" else int(WANTED)
THREADS = 8
SECONDS = 3600


def differences(site, entry):
    return [f"{site['function']} {what}: heaptop {entry[what]}, books "
            f"{site[what]}"
            for what in ("size", "count", "total_size", "total_count")
            if entry[what] != site[what]]


def compare(books, entries):
    said = {entry["function"]: entry for entry in entries
            if (entry["file"] or "").endswith("/exact.c")}
    found = []
    for site in books["sites"]:
        entry = said.get(site["function"], dict(site, size=0, count=0))
        found += differences(site, entry)
    return found


def main():
    tap = Tap()
    with workplace(), Program(EXACT, THREADS, EVENTS // THREADS, 5) as program:
        books = json.loads(program.line(r"^(\{.*\})$", SECONDS).group(1))
        found = report(profiled_pid(), "--group-by", "function", "--top", ALL)
        wrong = compare(books, found["entries"])
        tap.ok(not wrong and books["events"] >= EVENTS,
               "every event is accounted for", *wrong,
               describe(found["entries"], 12))
        tap.equal(program.end()[0], 0, "the program ends well")
        print(f"# reached: {books['events']:,} events, "
              f"{len(wrong)} differences")
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
