#!/usr/bin/python3
"""What the viewer keeps for each site, of a live process and of a file.

    tests/bench/memory.py [BUILD] [DEPTH]     2^DEPTH sites, 20

The program is sites.c. Counted is memory that is the viewer's own (anonymous):
what it maps, the segment, is not. With its helper is with the process that
reads debug information, too.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from viewer import Screen, profiled_pid

HERE = Path(__file__).resolve().parent
WATCHED = 70  # seconds: a minute of history, and a little


def kib(pid, field):
    """Shared pages count by halves, so that a sum is right."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(rf"^{field}:\s*(\d+)", text, re.M)[1])


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def say(what, pid, sites):
    own = kib(pid, "Pss_Anon") * 1024 / sites
    helper = sum(kib(child, "Pss_Anon") for child in children(pid)) * 1024
    print(f"{what:24} {own:4.0f} B a site, with its helper "
          f"{own + helper / sites:4.0f}", flush=True)


def watch(screen, sites, what, seconds):
    screen.read(seconds)
    say(what, screen.process.pid, sites)


def look(heaptop, of, sites, name, seconds):
    screen = Screen([heaptop, of])
    try:
        paint = screen.read(120, rb"sites\.c:\d+")
        if paint is None:
            raise RuntimeError("the list was not seen")
        print(f"{name}: first list after {paint:.1f} s", flush=True)
        watch(screen, sites, f"{name}, the list", 3)
        watch(screen, sites, f"{name}, after {seconds} s", seconds)
        os.write(screen.master, b"i")
        watch(screen, sites, f"{name}, inclusive", 10)
        os.write(screen.master, b"i")
        watch(screen, sites, f"{name}, own again", 10)
    finally:
        screen.close()


def main():
    build = Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    depth = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    heaptop = str(build / "heaptop")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        os.environ["HEAPTOP_DIR"] = scratch
        program = Path(scratch) / "sites"
        subprocess.run(["gcc", "-O1", "-g", "-o", program, HERE / "sites.c"],
                       check=True)
        target = subprocess.Popen(
            [heaptop, "run", "--headless", "--", program, str(depth)],
            stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            target.stdout.readline()
            pid = profiled_pid()
            look(heaptop, pid, 1 << depth, "live", WATCHED)
            saved = Path(scratch) / "saved.json"
            subprocess.run([heaptop, "snapshot", pid, "-o", saved], check=True)
            look(heaptop, str(saved), 1 << depth, "file", 1)
        finally:
            os.killpg(target.pid, signal.SIGKILL)
            target.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
