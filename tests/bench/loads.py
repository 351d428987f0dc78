"""The workloads: one table, and what it takes to build and feed them."""
import os
import select
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
PYTHON = "/usr/bin/python3"
# Without frame pointers, as most code is.
GCC = ["gcc", "-std=gnu11", "-O2", "-g", "-fomit-frame-pointer", "-pthread"]


def say(command, **more):
    """What a command prints; an error ends all."""
    return subprocess.run([str(word) for word in command], check=True,
                          stdout=subprocess.PIPE, text=True, **more).stdout


class Kit:
    """Programs and inputs, made when first asked for and kept in a folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def fresh(self, name, source, make):
        """The path of a file made of a source, made again if that is newer."""
        path = self.folder / name
        if not path.exists() or path.stat().st_mtime < source.stat().st_mtime:
            draft = self.folder / f"{name}.new"
            make(draft)
            shutil.rmtree(path, ignore_errors=True)
            draft.replace(path)
        return path

    def program(self, name):
        source = HERE / f"{name}.c"
        return self.fresh(name, source, lambda draft: say(
            [*GCC, source, "-o", draft]))

    def made(self, kind, size):
        def make(draft):
            with open(draft, "w") as file:
                subprocess.run([PYTHON, source, kind, str(size)], check=True,
                               stdout=file)

        source = HERE / "made.py"
        suffix = {"c": "i"}.get(kind, kind)
        return self.fresh(f"made-{size}.{suffix}", source, make)

    def history(self, commits):
        def make(draft):
            shutil.rmtree(draft, ignore_errors=True)
            say(["git", "init", "-q", "--bare", draft])
            with subprocess.Popen([PYTHON, source, "git", str(commits)],
                                  stdout=subprocess.PIPE) as maker:
                say(["git", "-C", draft, "fast-import", "--quiet"],
                    stdin=maker.stdout)

        source = HERE / "made.py"
        return self.fresh(f"history-{commits}", source, make)

    def socket(self):
        return self.folder / f"redis-{os.getpid()}"


def redis_server(kit, _size):
    return ["redis-server", "--port", "0", "--unixsocket", kit.socket(),
            "--save", "", "--appendonly", "no"]


def redis_client(kit, size):
    """Asks the server of kit for so much, then ends it."""
    ask = ["redis-cli", "-s", str(kit.socket())]
    end = time.monotonic() + 20
    while subprocess.run([*ask, "ping"], capture_output=True).returncode != 0:
        if time.monotonic() > end:
            return
        select.select([], [], [], 0.01)
    subprocess.run(["redis-benchmark", "-s", str(kit.socket()), "-q",
                    "-t", "set,get,lpush,sadd", "-n", str(max(1, size // 4)),
                    "-P", "16", "-c", "20", "-r", "100000", "-d", "100"],
                   stdout=subprocess.DEVNULL, timeout=600)
    subprocess.run([*ask, "shutdown", "nosave"], capture_output=True)


def cc1(kit, size):
    return [say(["gcc", "-print-prog-name=cc1"]).strip(), "-O1", "-quiet",
            "-o", "/dev/null", kit.made("c", size)]


def git_log(kit, size):
    return ["git", "-C", kit.history(max(size, 300)), "log", "-p", "--stat",
            "-n", size, "main"]


def python(script, *words):
    return lambda kit, size: [PYTHON, script, *words, size]


@dataclass
class Workload:
    name: str
    unit: str
    size: int  # at scale 1
    kind: str  # "native" or "python"
    command: Callable  # of kit and size: the words to run
    needs: str = ""  # a program, or a module of Python's
    client: Optional[Callable] = None  # runs beside it, and ends it

    def missing(self):
        if not self.needs:
            return None
        if self.kind == "native":
            found = shutil.which(self.needs) is not None
        else:
            found = subprocess.run([PYTHON, "-c", f"import {self.needs}"],
                                   capture_output=True).returncode == 0
        return None if found else f"{self.needs} is not installed"


LOADS = HERE / "python_loads.py"
WORKLOADS = [
    Workload("churn, stacks of 20", "pairs", 10_000_000, "native",
             lambda kit, size: [kit.program("churn"), size]),
    Workload("churn, 4 threads, 1 in 16 freed elsewhere", "pairs", 10_000_000,
             "native", lambda kit, size: [kit.program("churn"), size, 4]),
    Workload("48 B blocks kept, then freed", "blocks", 20_000_000, "native",
             lambda kit, size: [kit.program("growth"), size]),
    Workload("stacks 60 to 100 deep, 5,000 of them", "pairs", 5_000_000,
             "native", lambda kit, size: [kit.program("deep"), size]),
    Workload("sqlite3: JSON, joins, sorting", "rows", 300_000, "native",
             lambda kit, size: ["sqlite3", ":memory:",
                                f".read {kit.made('sql', size)}"],
             needs="sqlite3"),
    Workload("redis-server, on jemalloc", "requests", 1_000_000, "native",
             redis_server, needs="redis-server", client=redis_client),
    Workload("gcc's cc1 -O1", "functions", 120, "native", cc1),
    Workload("git log -p --stat", "commits", 3_000, "native", git_log,
             needs="git"),
    Workload("Python: numpy tolist, ints kept", "ints", 8_000_000, "python",
             python(SOURCE / "share/examples/numpy_ints.py"), needs="numpy"),
    Workload("Python: JSON, 5 MB parsed and printed", "rounds", 12, "python",
             python(HERE / "json_loop.py")),
    Workload("Python: objects and binary trees", "rounds", 250, "python",
             python(LOADS, "objects")),
    Workload("Python: recursion 400 deep", "rounds", 2_000, "python",
             python(LOADS, "recursion")),
    Workload("Python: matplotlib figures never closed", "figures", 20,
             "python", python(LOADS, "figures"), needs="matplotlib"),
    Workload("Python: Flask test client", "requests", 2_000, "python",
             python(LOADS, "requests"), needs="flask"),
]
