#!/usr/bin/python3
"""Other people's tests: what passes alone passes with the agent in it.

	conformance.py [--long]

stress-ng's stressors, a redis server under its benchmark and a background save,
and a PostgreSQL server under pgbench, each without the agent and with it. What
fails alone may fail with it. Quick alone; --long takes all stressors listed.
CPython's own tests are in cpython_tests.py.
"""
import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from drive import BUILD, Tap, wait_for, workplace  # noqa: E402

LONG = "--long" in sys.argv[1:]
AGENT = str(BUILD / "heaptop-agent.so")
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


class Missing(Exception):
    """What cannot be run here, and why."""


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Missing(f"{program} is not installed")


def with_agent(agent):
    return {**os.environ, **({"LD_PRELOAD": AGENT} if agent else {})}


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
    need("redis-server", "redis-benchmark", "redis-cli")
    socket = scratch / f"redis{agent:d}"
    client = ["redis-cli", "-s", socket]
    server = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
         "--dir", scratch], env=with_agent(agent),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def ask(*words):
        return subprocess.run([*client, *words], text=True,
                              capture_output=True).stdout.strip()

    wait_for("redis", lambda: ask("ping") == "PONG")
    result = subprocess.run(
        ["redis-benchmark", "-s", socket, "-q", "--csv", "-r", "10000", "-n",
         "100000" if LONG else "2000"], text=True, capture_output=True,
        timeout=600)
    passed = {line.split(",")[0] for line in result.stdout.splitlines()}
    ask("bgsave")
    wait_for("the save", lambda: "rdb_bgsave_in_progress:0"
             in ask("info", "persistence"))
    passed.add(next(line for line in ask("info", "persistence").splitlines()
                    if line.startswith("rdb_last_bgsave_status")).strip())
    ask("shutdown", "nosave")
    passed.add(f"ended with {server.wait(60)}")
    return passed


def postgres_programs():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise Missing("postgresql is not installed")
    return found[-1].parent


def postgres(agent, scratch):
    """What pgbench says that it did."""
    bin = postgres_programs()
    try:
        user = pwd.getpwnam("postgres")
    except KeyError as error:
        raise Missing("there is no user postgres") from error
    if os.geteuid() != 0:
        raise Missing("only root can become postgres")
    home = scratch / f"postgres{agent:d}"
    home.mkdir()
    os.chown(home, user.pw_uid, user.pw_gid)
    # Segments of another user's: in a directory of its own.
    environment = {**with_agent(agent), "HEAPTOP_DIR": str(home / "segments")}
    become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
              "--clear-groups", "env"]

    def run(*command, agent=False):
        plain = list(become)
        plain += [f"LD_PRELOAD={AGENT}"] if agent else []
        return subprocess.run(
            [*plain, *command], text=True, capture_output=True, timeout=600,
            cwd=home, env={**environment, "LD_PRELOAD": ""})

    run(bin / "initdb", "-D", home / "data", "-A", "trust")
    start = run(bin / "pg_ctl", "-D", home / "data", "-w", "-l", home / "log",
                "-o", f"-k {home} -h ''", "start", agent=agent)
    if start.returncode:
        raise Missing(f"no server: {start.stdout}{start.stderr}")
    made = run(bin / "pgbench", "-h", home, "-i", "-q", "postgres")
    did = run(bin / "pgbench", "-h", home, "-c", "4", "-t",
              "2000" if LONG else "100", "postgres")
    stop = run(bin / "pg_ctl", "-D", home / "data", "-w", "-m", "fast", "stop")
    log = (home / "log").read_text()
    return {line for line in did.stdout.splitlines()
            if line.startswith("number of")} | {
        f"made {made.returncode}, did {did.returncode}, "
        f"stopped {stop.returncode}",
        f"crashed {'terminated by signal' in log}"}


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
