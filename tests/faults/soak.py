#!/usr/bin/python3
"""A machine at work for a while, and what agents use does not grow.

	soak.py [SECONDS | --long]

gunicorn, whose workers are replaced and killed, redis and PostgreSQL under their
benchmarks, a Python program that is attached to and left again, and viewers that
are killed: all at once, with the agent. No answer may be wrong. After a quarter
of the time, and at its end, all is still for a moment: the memory, descriptors
and threads of agents are what they were, and every segment is of a process that
lives. --long: an hour. 86400 is a day.
"""
import contextlib
import os
import pty
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

from servers import AGENT, Missing, Postgres, Redis, need, with_agent
from attaching import attach, detach
from drive import (ALL, HEAPTOP, PYTHON, Failed, Program, Tap, can_trace, must,
                   report, segments, wait_for, workplace)

SHORT, LONG = 12, 3600
REPLACE_S = 20  # all workers, that often; one is killed in between
GROWN = 1.01  # of a long run; in a short one things are seen first
GROWN_SOON = 1.05
# Each time more pages or fewer are touched, the more so on a busy machine. What
# is kept at each time on and off doubles them within the short run.
GROWN_AGAIN = 1.05
GROWN_AGAIN_SOON = 1.25
DORMANT = {"LD_PRELOAD": AGENT, "HEAPTOP_MODE": "dormant"}
WORKERS = 3
APPLICATION = """
kept = {}
def app(environ, start):
    number = int(environ["QUERY_STRING"] or 0)
    kept[number % 500] = [str(i) for i in range(number % 2000)]
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(sum(map(int, kept[number % 500]))).encode()]
"""
CHURN = """
import sys, threading
done = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), done.set())).start()
print("ready", flush=True)
kept, turn, wrong = {}, 0, 0
while not done.wait(0.0005):
    turn += 1
    kept[turn % 300] = [str(turn + i) for i in range(200)]
    wrong += sum(map(int, kept[turn % 300])) != 200 * turn + 19900
print("wrong" if wrong else "right")
"""


class Gunicorn:
    def __init__(self, home):
        need("gunicorn")
        (home / "application.py").write_text(APPLICATION)
        self.log = home / "gunicorn.log"
        self.socket = home / "gunicorn.port"
        self.process = subprocess.Popen(
            ["gunicorn", "-w", str(WORKERS), "-b", "127.0.0.1:0",
             "--log-file", self.log, "--graceful-timeout", "60",
             "application:app"],
            cwd=home, env=with_agent(), stdin=subprocess.DEVNULL)
        self.url = wait_for("gunicorn to listen", self.listening)
        self.replaced = self.killed = time.monotonic()
        wait_for("its workers", lambda: len(self.workers()) == WORKERS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in (self.process.pid, *self.workers()):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def listening(self):
        text = self.log.read_text() if self.log.exists() else ""
        return "at: " in text and text.split("at: ")[1].split()[0]

    def workers(self):
        return children(self.process.pid)

    def turn(self):
        """Answers, and now and then a worker is killed or all replaced."""
        for _ in range(50):
            number = random.randrange(100000)
            with urllib.request.urlopen(f"{self.url}/?{number}") as answer:
                wanted = sum(range(number % 2000))
                if int(answer.read()) != wanted:
                    raise AssertionError(f"gunicorn: {number}")
        if time.monotonic() - self.replaced > REPLACE_S:
            self.replaced = time.monotonic()
            self.process.send_signal(signal.SIGHUP)
        elif time.monotonic() - self.killed > REPLACE_S / 3:
            self.killed = time.monotonic()
            with contextlib.suppress(ProcessLookupError):
                os.kill(random.choice(self.workers()), signal.SIGKILL)


class Counter:
    """redis, and what it has to know."""

    def __init__(self, server):
        self.server = server
        self.count = 0

    def turn(self):
        ran = self.server.benchmark("-t", "set,get,hset,sadd,spop", "-r",
                                    "1000", "-n", "5000", "-c", "20")
        self.count += 1
        if len(ran) < 5 or self.server.ask("incr", "turns") != str(self.count):
            raise AssertionError(f"redis: {ran}, {self.count}")


class Bench:
    def __init__(self, server):
        self.server = server
        self.server.bench("-i", "-q")

    def turn(self):
        did = self.server.bench("-c", "4", "-t", "50")
        if "200/200" not in did.stdout or self.server.crashed():
            raise AssertionError(f"PostgreSQL: {did.stdout}{did.stderr}")


class Visits:
    """The agent comes to a program and leaves it, or is switched on and off."""

    def __init__(self, program):
        self.program = program
        program.line("^ready$")
        self.pid = program.process.pid
        self.bytes = []

    def turn(self):
        attach(self.pid)
        wait_for("a line", lambda: report(self.pid)["entries"])
        self.bytes.append(report(self.pid)["process"]["agent_bytes"])
        detach(self.pid)

    def grew(self):
        """How many times as much as in the first quarter, in the last."""
        quarter = len(self.bytes) // 4
        return statistics.median(self.bytes[-quarter:]) \
            / statistics.median(self.bytes[:quarter])


class Viewers:
    """On a terminal, killed at any instant."""

    def __init__(self, pids):
        self.pids = pids

    def turn(self):
        ours, theirs = pty.openpty()
        viewer = subprocess.Popen(
            [HEAPTOP, str(random.choice(self.pids)), "--delay", "0.1"],
            stdin=theirs, stdout=theirs, stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color"})
        os.close(theirs)
        try:
            viewer.wait(random.uniform(0.05, 2))
        except subprocess.TimeoutExpired:
            viewer.kill()
        finally:
            os.close(ours)
        if viewer.wait() not in (0, -signal.SIGKILL):
            raise AssertionError(f"viewer: {viewer.returncode}")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return [int(word) for word in file.read().split()]


def work(parts, seconds):
    """All parts at once. Returns how many turns each took, and complaints."""
    end = time.monotonic() + seconds
    turns, complaints = dict.fromkeys(parts, 0), []

    def repeat(part):
        try:
            while time.monotonic() < end and not complaints:
                part.turn()
                turns[part] += 1
        except Exception as error:  # of any kind: the test says it
            complaints.append(f"{type(part).__name__}: {error!r}")

    hands = [threading.Thread(target=repeat, args=(part,)) for part in parts]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    return turns, complaints


def measure(pids):
    """What each process has, and what its agent uses."""
    found = {}
    for name, pid in pids.items():
        state = report(pid, "--top", ALL)
        found[name] = {
            "agent_bytes": state["process"]["agent_bytes"],
            "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": len(os.listdir(f"/proc/{pid}/task"))}
        rows = state["entries"]
        if sum(row["size"] for row in rows) != state["total"]["size"] \
                or min(row["count"] for row in rows) < 0:
            raise Failed(f"{name}: {state['total']} is not the sum of its rows")
        print(f"# {name}: {found[name]}, {state['process']['allocated']}, "
              f"lost: {state['losses']}")
    return found


def have_segments(pids, postgres):
    """Whether each process has a segment and there are no others, after those
    of the dead are put away."""
    must("clean")
    if postgres:
        postgres.run(HEAPTOP, "clean")
        theirs = {int(path.name.split("-")[0])
                  for path in postgres.segments.glob("*.heaptop")}
        if theirs != {postgres.pid(), *children(postgres.pid())}:
            return False
    return set(segments()) == {*pids, *children(pids[0])}


def check(tap, scratch, seconds):
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        try:
            gunicorn = enter(Gunicorn(scratch))
            redis = enter(Redis(scratch))
        except Missing as why:
            tap.skip("a machine at work", why)
            return
        try:
            postgres = enter(Postgres(scratch))
        except Missing as why:
            tap.skip("PostgreSQL at work", why)
            postgres = None
        visits = [Visits(enter(Program(PYTHON, "-c", CHURN, bare=True,
                                       env={**os.environ, **more})))
                  for more in ({}, DORMANT)]
        lasting = {"gunicorn": gunicorn.process.pid,
                   "redis": redis.process.pid}
        parts = [gunicorn, Counter(redis), *visits,
                 Viewers(list(lasting.values()))]
        if postgres:
            parts.append(Bench(postgres))
        measured = []
        for part in (0.25, 0.75):
            turns, complaints = work(parts, seconds * part)
            tap.equal(complaints, [], f"{seconds * part:.0f} s: every answer "
                      "is right")
            print("#", [(type(part).__name__, turn)
                        for part, turn in turns.items()])
            wait_for("as many workers as before",
                     lambda: len(gunicorn.workers()) == WORKERS)
            wait_for("a segment of each process and no other",
                     lambda: have_segments([*lasting.values(),
                                            visits[1].pid], postgres))
            measured.append(measure(lasting))
        before, after = measured
        for name in lasting:
            for what, value in after[name].items():
                most = before[name][what]
                if what == "agent_bytes":
                    most *= GROWN if seconds >= LONG else GROWN_SOON
                tap.ok(value <= most, f"{name}: {what} do not grow",
                       before, after)
        grown = GROWN_AGAIN if seconds >= LONG else GROWN_AGAIN_SOON
        for which, visit in zip(("attached to", "switched on"), visits):
            tap.ok(visit.grew() < grown,
                   f"{which} {len(visit.bytes)} times: agent_bytes do not grow",
                   visit.bytes[::max(len(visit.bytes) // 20, 1)])
            tap.equal(visit.program.end()[:2], (0, ["ready", "right"]),
                      f"{which}: it computed what it should")
        tap.equal(redis.end(), 0, "redis ends as it does alone")
        if postgres:
            tap.equal((postgres.end(), postgres.crashed()), (0, False),
                      "PostgreSQL ends as it does alone")


def main():
    words = sys.argv[1:]
    seconds = LONG if "--long" in words else int(words[0]) if words else SHORT
    tap = Tap()
    with workplace() as scratch:
        scratch.chmod(0o755)
        if not can_trace():
            tap.skip("a machine at work", "nothing may be attached to here")
        else:
            tap.part("a machine at work", check, tap, scratch, seconds)
    tap.done()


if __name__ == "__main__":
    main()
