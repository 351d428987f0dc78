#!/usr/bin/python3
"""Targets and viewers that end in the midst of things, and what is left then.

	sturdy.py [--long] [WORD...]	long: 10,000 kills, every system call
"""
import concurrent.futures
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from drive import (ALL, BUILD, HEAPTOP, Failed, Tap, heaptop,  # noqa: E402
                   load, must, wait_for, workplace)

TALLY = BUILD / "tests" / "faults" / "programs" / "tally"
AGENT = str(BUILD / "heaptop-agent.so")
LONG = "--long" in sys.argv[1:]
PASSING = 1000  # blocks that come and go in some ten microseconds
pause = threading.Event()


def started(scratch, name="tally", directory=None, limit=None):
    """A tally with the agent: the process, and where its numbers are."""
    numbers = scratch / name
    env = dict(os.environ, LD_PRELOAD=AGENT, HEAPTOP_KEEP="1")
    if directory:
        env["HEAPTOP_DIR"] = str(directory)
    process = subprocess.Popen([TALLY, numbers], env=env, preexec_fn=limit,
                               stdin=subprocess.DEVNULL)
    return process, numbers


def tallied(numbers):
    if not numbers.exists() or numbers.stat().st_size < 16:
        return 0, 0  # it was not in main yet
    return struct.unpack("<QQ", numbers.read_bytes()[:16])


def segment_of(pid, directory=None):
    found = list(Path(directory or os.environ["HEAPTOP_DIR"]).glob(
        f"{pid}-*.heaptop"))
    return found[0] if found else None


def segment_to_be(pid):
    """The name of a living process's segment: its number alone comes again
    among thousands."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    start = stat.rpartition(")")[2].split()[19]
    return Path(os.environ["HEAPTOP_DIR"], f"{pid}-{start}.heaptop")


def has_ticked(process, numbers, directory=None):
    def ticked():
        path = segment_of(process.pid, directory)
        return path and heaptop("report", path, "--json").returncode == 0 and \
            live_of(path)[0] > 0
    wait_for("a tick", ticked)
    return segment_of(process.pid, directory)


def live_of(what):
    """Blocks of the tally; and of all, added up and as they were told."""
    shown = load(must("report", what, "--json", "--group-by", "function",
                      "--top", ALL))
    mine = sum(entry["count"] for entry in shown["entries"]
               if entry["function"] == "tallied")
    return (mine, sum(entry["count"] for entry in shown["entries"]),
            shown["process"]["live"]["count"], shown["losses"])


def end(process):
    process.kill()
    process.wait()


def killed_once(scratch, i, delay):
    """What is wrong with what is left; None: nothing was left yet."""
    process, numbers = started(scratch, f"kill{i}")
    path = segment_to_be(process.pid)
    pause.wait(delay)
    end(process)
    if not path.exists() or not path.stat().st_size:
        return None
    try:
        return judged(path, tallied(numbers)[0])
    finally:
        path.unlink()


def judged(path, begun):
    """The same of a segment that is there."""
    # Before its first tick it says that there is none.
    result = heaptop("report", path, "--json")
    if result.returncode:
        return result if result.stderr.count("\n") != 1 else None
    mine, summed, told, losses = live_of(path)
    # One block more is on its way, and some come and go while a tick looks.
    good = mine <= begun + 1 and summed == told and not losses and \
        told <= begun + 1 + PASSING
    return "" if good else (path, mine, summed, told, begun, losses)


def check_kills(tap, scratch):
    """What is left is some tick: no more than was done, its sum what it says,
    nothing lost."""
    rounds = 10000 if LONG else 200
    chance = random.Random(7)
    delays = [0.012 + chance.random() * chance.random() * 0.2
              for _ in range(rounds)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(killed_once, [scratch] * rounds, range(rounds),
                              delays))
    wrong = [what for what in found if what]
    read = found.count("")
    tap.ok(not wrong, f"{rounds} targets killed: what is left is a tick",
           *wrong[:5])
    tap.ok(read > rounds // 2, f"and more than half had one ({read})", read)


def calls_of(*command):
    """How often a command and its helper make each system call."""
    result = subprocess.run(
        ["strace", "-f", "-c", "-U", "calls,name", *map(str, command)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        stdin=subprocess.DEVNULL, timeout=60)
    return {name: int(count) for count, name in re.findall(
        r"^ *(\d+) (\w+)$", result.stderr, re.M) if name != "total"}


def check_viewers(tap, scratch):
    """A viewer that is killed at any of its system calls leaves the target as
    it was, and the next one sees all."""
    if not shutil.which("strace"):
        tap.skip("viewers killed at their system calls", "no strace here")
        return
    process, numbers = started(scratch)
    try:
        has_ticked(process, numbers)
        look = [HEAPTOP, "top", "-b", "-n", "1", str(process.pid)]
        killed = 0
        for name, count in calls_of(*look).items():
            for nth in range(1, count + 1) if LONG else {1, (count + 1) // 2}:
                result = subprocess.run(
                    ["strace", "-f", "-o", "/dev/null", "-e",
                     f"inject={name}:signal=KILL:when={nth}", *look],
                    stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
                killed += result.returncode in (-9, 137)
        tap.ok(killed > 30, f"{killed} viewers were killed at their calls")
        before = tallied(numbers)[0]
        wait_for("the target to go on", lambda: tallied(numbers)[0] > before)
        mine, summed, told, losses = live_of(process.pid)
        tap.ok(mine > 0 and summed == told and not losses,
               "and the next one sees all", mine, summed, told, losses)
        tap.equal(len(list(Path(os.environ["HEAPTOP_DIR"]).iterdir())), 1,
                  "nothing else is left behind")
    finally:
        end(process)


def check_two_viewers(tap, scratch):
    process, numbers = started(scratch)
    try:
        has_ticked(process, numbers)
        viewers = [subprocess.Popen(
            [HEAPTOP, "top", "-b", "-n", "10", "-d", "0.1", str(process.pid)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            stdin=subprocess.DEVNULL) for _ in range(3)]
        ends = [viewer.communicate(timeout=60) for viewer in viewers]
        tap.ok(all(viewer.returncode == 0 and output.count("tally.c:") >= 10 and
                   not errors
                   for viewer, (output, errors) in zip(viewers, ends)),
               "three viewers at once see the same target", *ends)
    finally:
        end(process)


def check_stopped(tap, scratch):
    """A viewer that stands still while the ring turns misses nothing in the
    end."""
    process, numbers = started(scratch)
    try:
        has_ticked(process, numbers)
        viewer = subprocess.Popen(
            [HEAPTOP, "top", "-b", "-n", "12", "-d", "0.1", str(process.pid)],
            stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        viewer.stdout.readline()
        viewer.send_signal(signal.SIGSTOP)
        before = tallied(numbers)[0]
        wait_for("the target to get far", lambda:
                 tallied(numbers)[0] > before + 100000)
        viewer.send_signal(signal.SIGCONT)
        output, _ = viewer.communicate(timeout=60)
        tap.equal(viewer.returncode, 0, "a viewer that was stopped goes on")
        counts = [int(n.replace(",", "")) for n in re.findall(
            r"tally.c:16: .*?count=([\d,]+)", output)]
        tap.ok(counts and counts == sorted(counts) and
               counts[-1] > before,
               "and sees what has come meanwhile", counts, before)
    finally:
        end(process)


def check_reuse(tap, scratch):
    """A process with the number of a dead one is not taken for it."""
    wheel = Path("/proc/sys/kernel/ns_last_pid")
    if os.geteuid() != 0 or not wheel.exists():
        tap.skip("a number that is used again", "needs root and ns_last_pid")
        return
    process, numbers = started(scratch)
    path = has_ticked(process, numbers)
    pid = process.pid
    end(process)
    for _ in range(200):
        wheel.write_text(str(pid - 1))
        other = subprocess.Popen(["tail", "-f", "/dev/null"])
        if other.pid == pid:
            break
        end(other)
    else:
        tap.skip("a number that is used again", "others were quicker")
        return
    try:
        shown = load(must("report", path, "--json"))
        tap.ok(shown["process"]["state"] != "running",
               "a number that is used again: the old one is not running",
               shown["process"])
        text = must("list")
        tap.ok("tail" not in text, "and the new one is not in the list", text)
        must("clean")
        tap.ok(not path.exists(), "and the old one's segment is cleaned")
        tap.ok(other.poll() is None, "and the new one lives")
    finally:
        end(other)


def memory_group(name, limit):
    """A control group of so many bytes, of either version; None: none."""
    for root, key in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                      ("/sys/fs/cgroup", "memory.max"),
                      ("/sys/fs/cgroup/unified", "memory.max")):
        group = Path(root) / name
        try:
            group.mkdir()
            (group / key).write_text(str(limit))
            return group
        except OSError:
            if group.exists():
                group.rmdir()
    return None


def check_out_of_memory(tap, scratch):
    """Killed by the kernel when memory ends; the segment is on a disk."""
    group = memory_group(f"heaptop-test-{os.getpid()}", 96 << 20)
    if group is None:
        tap.skip("the kernel kills for memory", "no control group here")
        return
    directory = scratch / "on-disk"
    directory.mkdir(mode=0o700)
    try:
        process, numbers = started(
            scratch, directory=directory, limit=lambda: (
                group / "cgroup.procs").write_text(str(os.getpid())))
        try:
            process.wait(timeout=100)
        except subprocess.TimeoutExpired:
            end(process)
            raise Failed("memory did not end") from None
        tap.equal(process.returncode, -signal.SIGKILL,
                  "the kernel killed it for its memory")
        path = segment_of(process.pid, directory)
        mine, summed, told, _ = live_of(path)
        tap.ok(0 < mine <= tallied(numbers)[0] and summed == told,
               "its last tick can be read", mine, tallied(numbers))
        text = must("top", "-b", "-n", "1", path)
        tap.ok("killed" in text, "and the viewer says that it was killed",
               text)
    finally:
        group.rmdir()


CHECKS = {
    "killed": check_kills, "viewers": check_viewers,
    "two": check_two_viewers, "stopped": check_stopped,
    "reuse": check_reuse, "memory": check_out_of_memory,
}


def main():
    tap = Tap()
    words = [word for word in sys.argv[1:] if word != "--long"]
    if not TALLY.exists():
        print(f"1..0 # SKIP {TALLY} is not built")
        return 0
    for name, check in CHECKS.items():
        if not words or name in words:
            with workplace() as scratch:
                tap.part(name, check, tap, scratch)
    tap.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
