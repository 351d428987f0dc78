#!/usr/bin/python3
"""Other people's tests: what passes alone passes with the agent in it.

	conformance.py [--long]

stress-ng's stressors, a redis server under its benchmark and a background save,
and a PostgreSQL server under pgbench, each without the agent and with it. What
fails alone may fail with it. Quick alone; --long takes all stressors listed.
CPython's own tests are in cpython_tests.py.
"""
import signal
import subprocess
import sys

from servers import Missing, Postgres, Redis, need, with_agent
from drive import Tap, wait_for, workplace

LONG = "--long" in sys.argv[1:]
QUICK = ("malloc", "fork", "vfork", "pthread", "sigsegv")
STRESSORS = (*QUICK, "bad-altstack", "brk", "bigheap", "clone", "context",
             "daemon", "dynlib", "exec", "exit-group", "funccall", "funcret",
             "kill", "list", "mmap", "mmapfork", "mmapmany", "mremap", "msync",
             "munmap", "nanosleep", "pidfd", "pipe", "poll", "resources",
             "seccomp", "session", "shm", "sigabrt", "sigchld", "sigfd",
             "sigfpe", "signal", "signest", "sigpending", "sigq", "sigsuspend",
             "sleep", "spawn", "stack", "stackmmap", "timer", "tree",
             "vforkmany", "vm", "wait", "yield", "zombie")


# What cannot be the same, and why.
KNOWN = {}


def stressors(agent, scratch):
    """Those that pass."""
    need("stress-ng")
    passed = set()
    for name in STRESSORS if LONG else QUICK:
        result = subprocess.run(
            ["stress-ng", f"--{name}", "1", "-t", "2" if LONG else "1",
             "--verify", "--temp-path", scratch], env=with_agent(agent),
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        if result.returncode == 0:
            passed.add(name)
    return passed


def redis(agent, scratch):
    """What the benchmark ran, and what the server said of itself."""
    with Redis(scratch, agent) as server:
        passed = server.benchmark("-r", "10000", "-n",
                                  "100000" if LONG else "2000")
        server.ask("bgsave")
        wait_for("the save", lambda: "rdb_bgsave_in_progress:0"
                 in server.ask("info", "persistence"))
        said = server.ask("info", "persistence").splitlines()
        passed.add(next(line for line in said if line.startswith(
            "rdb_last_bgsave_status")).strip())
        passed.add(f"ended with {server.end()}")
    return passed


def postgres(agent, scratch):
    """What pgbench says that it did."""
    with Postgres(scratch, agent) as server:
        made = server.bench("-i", "-q")
        did = server.bench("-c", "4", "-t", "2000" if LONG else "100")
        stopped = server.end()
        return {line for line in did.stdout.splitlines()
                if line.startswith("number of")} | {
            f"made {made.returncode}, did {did.returncode}, "
            f"stopped {stopped}", f"crashed {server.crashed()}"}


def main():
    tap = Tap()
    passed = 0
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for what, function in (("stress-ng", stressors), ("redis", redis),
                           ("PostgreSQL", postgres)):
        with workplace() as scratch:
            scratch.chmod(0o755)
            try:
                bare, under = (function(agent, scratch)
                               for agent in (False, True))
            except Missing as why:
                tap.skip(what, why)
                continue
            lost = bare - under
            for name in sorted(lost & set(KNOWN)):
                print(f"# known: {name}: {KNOWN[name]}")
            tap.ok(bare and lost <= set(KNOWN),
                   f"{what}: what passes alone passes with the agent",
                   f"lost: {sorted(lost)}",
                   f"instead: {sorted(under - bare)}")
            passed += len(bare & under)
    print(f"# reached: {passed} results as alone")
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
