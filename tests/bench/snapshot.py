#!/usr/bin/python3
"""What a snapshot costs the program that takes it, by hand.

    tests/bench/snapshot.py [BUILD]           heaptop's module
    tests/bench/snapshot.py [BUILD] --both    and tracemalloc; takes a minute
                                              and several GiB

16.7 million ints kept in a list, then one snapshot and its statistics by line.
Each runs in a process of its own.
"""
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
COUNT = 16_707_940


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(work):
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def measure(name):
    module = __import__(name)
    module.start()
    kept, filling = timed(lambda: list(range(10 ** 6, 10 ** 6 + COUNT)))
    before = peak_mib()
    snapshot, taking = timed(module.take_snapshot)
    top, grouping = timed(lambda: snapshot.statistics("lineno")[0])
    assert top.count >= len(kept)
    print(f"{name:12} {filling:9.2f} s {taking * 1000:11.1f} ms "
          f"{grouping * 1000:11.1f} ms {peak_mib() - before:9.0f} MiB",
          flush=True)


def run(name, build):
    env = dict(os.environ, PYTHONPATH=str(HERE.parents[1] / "share/python"),
               PYTHONDONTWRITEBYTECODE="1")
    if name == "heaptop":
        env["LD_PRELOAD"] = str(build / "heaptop-agent.so")
    subprocess.run([sys.executable, __file__, "--measure", name], env=env,
                   check=True)


def main():
    if "--measure" in sys.argv:
        return measure(sys.argv[-1])
    rest = [word for word in sys.argv[1:] if word != "--both"]
    build = Path(rest[0] if rest else "build").resolve()
    print(f"{'':12} {'filling':>11} {'snapshot':>14} {'statistics':>14} "
          f"{'more memory':>13}", flush=True)
    run("heaptop", build)
    if "--both" in sys.argv:
        run("tracemalloc", build)
    return None


if __name__ == "__main__":
    main()
