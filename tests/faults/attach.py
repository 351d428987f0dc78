#!/usr/bin/python3
"""attach.py [--long | CYCLES]: a program under load is attached to and detached
from again and again, at any instant. It computes what it did, and its worst
pause, by a beat of a millisecond, and how long the borrowed thread stood still
are said. --long: a thousand times each, for C and for Python."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir, "e2e"))
from attaching import attach, borrowed, detach, is_left_alone, threads
from drive import (PYTHON, Program, Tap, ends_without_trace, segments,
                   workplace)

SHORT, LONG = 30, 1000
STOOD_MS = 10  # half of the times, on a machine that has nothing else to do
WORST_MS = 250  # never, there
PATIENT_MS = 200  # half of the times, anywhere
PYTHON_LOAD = """
import sys, threading, time
done = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), done.set())).start()
wrong = []
def work(seed):
    kept = {}
    while not done.is_set():
        for i in range(1000):
            kept[i] = (str(i + seed), [i] * (i % 50))
        if any(kept[i] != (str(i + seed), [i] * (i % 50))
               for i in range(0, 1000, 10)):
            wrong.append(seed)
workers = [threading.Thread(target=work, args=(i,)) for i in range(3)]
for worker in workers:
    worker.start()
print("ready", flush=True)
worst, last = 0, time.perf_counter()
while not done.is_set():
    done.wait(0.001)
    now = time.perf_counter()
    worst, last = max(worst, now - last), now
for worker in workers:
    worker.join()
print(f"worst pause {worst * 1e6:.0f} us")
print("wrong" if wrong else "right")
"""


def cycle(tap, what, program, cycles, limit):
    pid = program.process.pid
    before = threads(pid)
    stood = []
    for _ in range(cycles):
        stood.append(attach(pid))
        detach(pid)
    is_left_alone(tap, what, pid, before)
    tap.equal(segments(), {}, f"{what}: no segment is left")
    status, lines, errors = program.end()
    tap.equal((status, errors), (0, ""), f"{what}: {cycles} cycles")
    stood.sort()
    pause = next(line for line in lines if line.startswith("worst pause"))
    print(f"# {what}: the thread stood still for {stood[0]} ms at least, "
          f"{stood[cycles // 2]} ms in the middle, {stood[-1]} ms at most; "
          f"{pause}")
    tap.ok(stood[cycles // 2] < limit,
           f"{what}: mostly less than {limit} ms", stood)
    return lines, int(pause.split()[2]) / 1000


def main():
    long = "--long" in sys.argv
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    cycles = numbers[0] if numbers else LONG if long else SHORT
    limit = STOOD_MS if long else PATIENT_MS
    tap = Tap()
    ends_without_trace(tap)
    with workplace():
        with borrowed("heartbeat", 100000) as program:
            _, worst = cycle(tap, "C", program, cycles, limit)
            if long:
                tap.ok(worst < WORST_MS, f"C: no pause of {WORST_MS} ms", worst)
        with Program(PYTHON, "-c", PYTHON_LOAD, bare=True) as program:
            program.line("^ready$")
            lines, worst = cycle(tap, "Python", program, cycles, limit)
            tap.equal(lines[-1], "right", "Python: its objects are right")
            if long:
                tap.ok(worst < WORST_MS, f"Python: no pause of {WORST_MS} ms",
                       worst)
    tap.done()


if __name__ == "__main__":
    main()
