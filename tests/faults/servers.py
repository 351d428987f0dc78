"""Servers that tests put to work: redis and PostgreSQL, alone or with the
agent, each in a folder of its own. Both end with the test."""
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from drive import BUILD, redis_server, wait_for  # noqa: E402

AGENT = str(BUILD / "heaptop-agent.so")


class Missing(Exception):
    """What cannot be run here, and why."""


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Missing(f"{program} is not installed")


def with_agent(agent=True):
    """The environment of a program that has the agent, or has not."""
    return {**os.environ, **({"LD_PRELOAD": AGENT} if agent else {})}


class Redis:
    def __init__(self, home, agent=True):
        need("redis-check-rdb", "redis-benchmark", "redis-cli")
        self.socket = home / f"redis{agent:d}"
        self.process = subprocess.Popen(
            [redis_server(home), "--port", "0", "--unixsocket", self.socket,
             "--save", "", "--dir", home], env=with_agent(agent),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_for("redis", lambda: self.ask("ping") == "PONG")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def ask(self, *words):
        return subprocess.run(["redis-cli", "-s", self.socket, *words],
                              text=True, capture_output=True).stdout.strip()

    def benchmark(self, *options):
        """The names of what ran."""
        result = subprocess.run(
            ["redis-benchmark", "-s", self.socket, "-q", "--csv", *options],
            text=True, capture_output=True, timeout=600)
        return {line.split(",")[0] for line in result.stdout.splitlines()}

    def end(self):
        """The status with which it ends."""
        self.ask("shutdown", "nosave")
        return self.process.wait(60)


class Postgres:
    """Runs as the user postgres, whose segments are in a folder apart."""

    def __init__(self, home, agent=True):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            raise Missing("postgresql is not installed")
        self.bin = found[-1].parent
        try:
            user = pwd.getpwnam("postgres")
        except KeyError as error:
            raise Missing("there is no user postgres") from error
        if os.geteuid() != 0:
            raise Missing("only root can become postgres")
        self.home = home / f"postgres{agent:d}"
        self.home.mkdir()
        self.segments = self.home / "segments"
        os.chown(self.home, user.pw_uid, user.pw_gid)
        self.become = ["setpriv", f"--reuid={user.pw_uid}",
                       f"--regid={user.pw_gid}", "--clear-groups", "env",
                       f"HEAPTOP_DIR={self.segments}"]
        self.run("initdb", "-D", self.home / "data", "-A", "trust")
        self.started = False
        start = self.control("start", "-l", self.home / "log", "-o",
                             f"-k {self.home} -h ''", agent=agent)
        if start.returncode:
            raise Missing(f"no server: {start.stdout}{start.stderr}")
        self.started = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.started:
            self.control("stop", "-m", "immediate")

    def run(self, program, *words, agent=False):
        preload = [f"LD_PRELOAD={AGENT}"] if agent else []
        return subprocess.run(
            [*self.become, *preload, self.bin / program, *words], text=True,
            capture_output=True, timeout=600, cwd=self.home)

    def control(self, what, *words, agent=False):
        return self.run("pg_ctl", "-D", self.home / "data", "-w", what, *words,
                        agent=agent)

    def bench(self, *words):
        return self.run("pgbench", "-h", self.home, *words, "postgres")

    def pid(self):
        return int((self.home / "data/postmaster.pid").read_text().split()[0])

    def crashed(self):
        return "terminated by signal" in (self.home / "log").read_text()

    def end(self):
        """The status of what stopped it."""
        self.started = False
        return self.control("stop", "-m", "fast").returncode
