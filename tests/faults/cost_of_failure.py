#!/usr/bin/python3
"""What an agent costs that has nowhere to publish: nothing worth a word.

	cost_of_failure.py [--long]

The directory of segments is refused, so the agent goes quiet. A program that
does nothing but allocate, for a second or two, prints the same and takes as long
as with an agent that was never there, within 1 %: a median of pairs. Until the
ticker has seen the refusal blocks are recorded, which is some 5 ms, once.
"""
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from drive import BUILD, Tap, workplace  # noqa: E402

LONG = "--long" in sys.argv[1:]
EXACT = str(BUILD / "tests/faults/exact")
PAIRS = 21 if LONG else 9
EVENTS = "60000000" if LONG else "6000000"
LIMIT = 1.0 if LONG else 25.0  # percent; a busy machine is no stop-watch


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(**env):
    before = cpu_seconds()
    result = subprocess.run([EXACT, "1", EVENTS, "1"], text=True,
                            stdin=subprocess.DEVNULL, capture_output=True,
                            env={**os.environ, **env})
    return result, cpu_seconds() - before


def main():
    tap = Tap()
    agent = str(BUILD / "heaptop-agent.so")
    with workplace() as scratch:
        refused = scratch / "file"
        refused.touch()
        ratios, same = [], True
        for _ in range(PAIRS):
            bare, alone = run()
            result, with_agent = run(LD_PRELOAD=agent,
                                     HEAPTOP_DIR=str(refused))
            same &= (bare.stdout, bare.stderr, bare.returncode) == \
                (result.stdout, result.stderr, result.returncode)
            ratios.append(with_agent / alone)
    more = 100 * (statistics.median(ratios) - 1)
    tap.ok(same, "the program prints the same")
    tap.ok(more < LIMIT, f"it takes less than {LIMIT:g} % longer",
           f"{more:.2f} %", [round(ratio, 3) for ratio in ratios])
    print(f"# reached: {more:+.2f} %")
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
