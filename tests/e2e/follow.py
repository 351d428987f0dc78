#!/usr/bin/python3
"""Every way to have a child: who allocates has a segment of its own, in the
family, that begins with what it inherited.

Usage: follow.py [--forks N] [--bomb N]

--forks 10000 is the long form of the storm: children of a program in which
threads allocate and one opens and closes a library without end, of which none
may be stuck. --bomb 1000: so many children at once.
"""
import argparse
import os
import signal
import sys
import time

from drive import (ALL, BUILD, HEAPTOP, PYTHON, SOURCE, Program, Tap,
                   both_ways, heaptop, load, must, report, segments, wait_for,
                   workplace)

sys.path.insert(0, str(SOURCE / "tests/agent/py"))
import pythons  # noqa: E402

KIN = BUILD / "tests" / "programs" / "kin"
PY_KIN = SOURCE / "tests" / "programs" / "py_kin.py"
BEFORE, CHILD, AFTER = (100000, 10), (100000, 5), (60000, 2)
# Ways in C, and what the child holds of before(): nothing when it execs.
WAYS = {"fork": BEFORE, "threads": BEFORE, "raw-clone": BEFORE,
        "_Fork": BEFORE, "daemon": BEFORE, "vfork": None, "spawn": None}
PY_WAYS = ["fork", "posix_spawn", "subprocess", "mp-fork", "mp-spawn",
           "mp-forkserver"]
BYTES = 100033  # of an object of 100,000
KEPT, INHERITED = (20 * BYTES, 20), (10 * BYTES, 10)


def held(what, *options):
    """{function: (size, blocks)}"""
    found = report(what, "--group-by", "function", "--top", "0", *options)
    return {entry["function"]: (entry["size"], entry["count"])
            for entry in found["entries"]}


def family(pid):
    return load(must("report", "--family", pid, "--json", "--top", "0"))


def is_so(pid, wanted):
    """Whether the process holds just that in its functions."""
    if pid not in segments():
        return False
    found = held(pid)
    return all(found.get(function, None) == what
               for function, what in wanted.items())


def check_way(tap, way, inherited):
    with Program(KIN, way) as program:
        parent = int(program.line(r"^parent (\d+)$").group(1))
        child = int(program.line(r"^child (\d+)$").group(1))
        wanted = {"before": inherited, "in_child": CHILD, "after": None}
        wait_for(f"{way}: the child's blocks", lambda: is_so(child, wanted))
        wanted = {"before": BEFORE, "in_child": None, "after": AFTER}
        wait_for(f"{way}: the parent's", lambda: is_so(parent, wanted))
        pids = sorted(p["pid"] for p in family(parent)["processes"])
        status, _, errors = program.end()
    tap.ok(pids == sorted([parent, child]) and status == 0 and not errors,
           f"{way}: both have their own, and are of one family", pids, status,
           errors)


def check_shared_memory(tap):
    """Such a child allocates in its parent's heap."""
    with Program(KIN, "shared-clone") as program:
        parent = int(program.line(r"^parent (\d+)$").group(1))
        child = int(program.line(r"^child (\d+)$").group(1))
        wanted = {"before": BEFORE, "in_child": CHILD, "after": AFTER}
        wait_for("the parent's blocks", lambda: is_so(parent, wanted))
        tap.ok(child not in segments() and program.end()[0] == 0,
               "clone with the same memory: the parent has all")


def line_of(text):
    return next(n for n, line in enumerate(PY_KIN.read_text().splitlines(), 1)
                if text in line)


def lines_held(pid):
    if pid not in segments():
        return {}
    found = report(pid, "--top", ALL)
    return {entry["line"]: (entry["size"], entry["count"])
            for entry in found["entries"]
            if entry["file"].endswith("py_kin.py")}


def check_python(tap, python, way):
    keeps, inherits = line_of("children keep here"), line_of("inherit this")
    with Program(python, "-W", "error", PY_KIN, way) as program:
        wait_for("both to say so", lambda: len(set(program.lines)) >= 2)
        pids = sorted(int(line.split()[1]) for line in set(program.lines))
        parent = wait_for("the parent", lambda: next(
            (pid for pid in pids
             if lines_held(pid).get(inherits) == INHERITED
             and not lines_held(pid).get(keeps)), None))
        child = next(pid for pid in pids if pid != parent)
        copied = INHERITED if way in ("fork", "mp-fork") else None
        wait_for(f"{way}: the child's blocks", lambda: (
            lines_held(child).get(keeps),
            lines_held(child).get(inherits)) == (KEPT, copied))
        seen = {p["pid"] for p in family(parent)["processes"]}
        status, _, errors = program.end()
    tap.ok({parent, child} <= seen and status == 0 and not errors,
           f"Python, {way}: both have their own", seen, status, errors)


THREADS = r"""
import os, sys, threading
def count():
    return len(os.listdir("/proc/self/task"))
waiting = lambda: [bytes(100) for _ in range(100)]
for turn in range(3):
    counts = set()
    for _ in range(20):
        pid = os.fork()  # where Python counts them itself, and would raise
        if not pid:
            os._exit(3)
        counts.add(count())
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    assert min(counts) == 1, counts
    while count() == 1:
        waiting()
kept = bytes(123456)
print("forked", os.getpid(), flush=True)
if turn == 2 and os.fork() == 0:
    os.read(0, 1)
    os._exit(0)
print("waits", flush=True)
os.wait()
try:
    os.unshare(os.CLONE_NEWUSER)
except PermissionError:
    pass
print("ended")
"""


def newest_python():
    known = [python for python in pythons.found() if python.key >= (3, 12)]
    return known[-1] if known else None


def check_rest(tap):
    """No thread when Python counts them; and true totals all the same."""
    python = newest_python()
    if not python:
        tap.skip("Python finds no second thread when it forks",
                 "no Python here counts threads: none from 3.12 on")
        return
    with Program(*python.command, "-W", "error", "-c", THREADS) as program:
        pid = int(program.line(r"^forked (\d+)$").group(1))
        program.line("^waits$")
        # It sleeps in wait, and will not allocate: what it did is known.
        found = wait_for("its last block", lambda: [
            entry for entry in report(pid, "--top", ALL)["entries"]
            if entry["size"] - 123456 in (33, 49)])  # with, without a GIL
        tap.equal(len(found), 1, "who forked and waits shows all it did")
        alive = must("list")
        tap.ok(f"{pid} running" in alive, "and is not called dead", alive)
        status, lines, errors = program.end()
        tap.ok(status == 0 and lines[-1] == "ended" and not errors,
               f"{python.version} finds no second thread when it forks",
               status, lines, errors)


WITHOUT = r"""
import os, subprocess, sys
print(subprocess.run(["env"], capture_output=True,
                     text=True).stdout.count("heaptop-agent"))
pid = os.fork()
if not pid:
    kept = [bytes(1000) for _ in range(1000)]
child = subprocess.Popen([sys.executable, "-c",
                          "import sys; sys.stdin.read()"])
sys.stdout.flush()
os.write(1, b"ready\n")  # in one piece, beside the other's
sys.stdin.read()
child.wait()
if pid:
    os.waitpid(pid, 0)
"""


def check_no_children(tap):
    """By way of programs that exec each other the last one is meant."""
    with Program("env", "A=1", "nice", PYTHON, "-c", WITHOUT,
                 options=["--no-children"]) as program:
        wait_for("both", lambda: sum(line.startswith("ready")
                                     for line in program.lines) == 2)
        wait_for("a segment", segments)
        wait_for("some ticks", lambda: heaptop(
            "report", next(iter(segments()))).returncode == 0)
        seen, lines = segments(), list(program.lines)
        status, _, errors = program.end()
    tap.ok(len(seen) == 1 and status == 0 and not errors,
           "--no-children: one process, whatever it starts", seen, errors)
    tap.ok("0" in lines, "and what it starts has no agent in its environment",
           lines)


EXECS = r"""
import os, sys, time
left, until = int(sys.argv[1]), float(sys.argv[2])
end = time.perf_counter() + left % 100 * 2e-5
while time.perf_counter() < end:
    pass
if left > 0 or time.monotonic() < until:
    os.execv(sys.executable, [*sys.orig_argv[:-2], str(left - 1),
                              sys.argv[2]])
print("ready", flush=True)
sys.stdin.read()
"""


def check_execs(tap):
    """Who execs while its segment is being made takes it with it; and it may
    do so for long, before it comes to anything."""
    with Program(PYTHON, "-S", "-E", "-c", EXECS, 200,
                 time.monotonic() + 3) as program:
        program.line("ready")
        wait_for("a segment", segments)
        seen = os.listdir(os.environ["HEAPTOP_DIR"])
        status, _, errors = program.end()
    tap.ok(len(seen) == 1 and status == 0 and not errors,
           "execs at any moment leave one segment", seen, status, errors)


SAME = [
    ("bash", ["bash", "-c", "for i in {1..20}; do /bin/true; (exit 3); done; "
              "x=$(seq 3 | sort -r | head -2); echo $x; exit 4"]),
    ("a pipeline", ["sh", "-c", "seq 1000 | grep 7 | wc -l; "
                    "(sleep 0 & wait); kill -9 $$"]),
    ("git", ["git", "-c", "core.pager=cat", "-C", str(SOURCE), "log",
             "--oneline", "-3"]),
    ("make", ["make", "-j2", "-s", "-f", "/dev/stdin"]),
    ("multiprocessing", [PYTHON, "-c", "import multiprocessing as m\n"
                         "with m.Pool(3) as p: print(p.map(abs, range(-9, 9)))"
                         ]),
]
MAKEFILE = ("all: a b c\n\t@echo $$(cat $^ | wc -c) all\n"
            "a b c:\n\t@head -c 100 /dev/zero > $@\n")


def check_same(tap, scratch):
    for what, command in SAME:
        results = []
        for under in ([], [HEAPTOP, "run", "--headless", "--"]):
            with Program(*under, *command, bare=True, cwd=scratch) as program:
                if what == "make":
                    program.say(MAKEFILE)
                results.append(program.end())
            for name in "abc":
                (scratch / name).unlink(missing_ok=True)
        bare, under = results
        # A shell says of a signal what we say by a number.
        bare = (bare[0] if bare[0] >= 0 else 128 - bare[0], *bare[1:])
        tap.equal(under, bare, f"{what}: the same output and status")


def check_storm(tap, forks):
    done = heaptop("run", "--headless", "--", KIN, "storm", forks,
                   timeout=120 + forks)
    tap.ok(done.returncode == 0 and
           done.stdout == f"{forks} children, 0 stuck\n",
           f"{forks} forks beside dlopen: none is stuck", done.stdout,
           done.stderr)
    print("# reached:", done.stdout.strip())


def check_bomb(tap, count):
    with Program(KIN, "bomb", count) as program:
        parent = int(program.line(r"^parent (\d+)$").group(1))

        def all_there():
            found = family(parent)
            entries = {e["function"]: (e["size"], e["count"])
                       for e in found["entries"]}
            return (len(found["processes"]) == count + 1 and
                    entries.get("in_child") == (100000 * count, 5 * count))
        wait_for(f"{count} children", all_there)
        status = program.end()[0]
        tap.equal(status, 0, f"{count} children at once: the family has the "
                  "sum of them")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--forks", type=int, default=300)
    parser.add_argument("--bomb", type=int, default=60)
    options = parser.parse_args()
    tap = Tap()
    with workplace() as scratch:
        for way, inherited in WAYS.items():
            tap.part(way, check_way, tap, way, inherited)
        tap.part("shared memory", check_shared_memory, tap)
        for way in PY_WAYS:
            tap.part(way, check_python, tap, PYTHON, way)
        tap.part("rest", check_rest, tap)
        tap.part("--no-children", check_no_children, tap)
        tap.part("execs", check_execs, tap)
        tap.part("the same", check_same, tap, scratch)
        tap.part("storm", check_storm, tap, options.forks)
        tap.part("bomb", check_bomb, tap, options.bomb)
    tap.done()


if __name__ == "__main__":
    main()
