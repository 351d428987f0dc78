"""The tools: one table, and what it takes to start them."""
import shutil
import subprocess
from ctypes.util import find_library
from dataclasses import dataclass
from typing import Callable, Tuple

from loads import PYTHON

NATIVE = ("native",)
SCRIPTS = ("python",)


@dataclass
class Tool:
    name: str
    share: float = 1  # of a workload's size: slow tools do a part of it
    kinds: Tuple = ("native", "python")
    wrap: Callable = lambda bench, command: command
    env: Callable = lambda bench: {}
    missing: Callable = lambda bench: None  # or why it cannot run here

    def size(self, workload, scale):
        """Never so small that only the start is measured, if it can be."""
        share = max(scale * self.share, min(scale, 0.01))
        return max(1, round(workload.size * share))


def heaptop(*words):
    return lambda bench, command: [bench.heaptop, "run", "--headless", *words,
                                   "--", *command]


def heaptrack(bench, command):
    return ["heaptrack", "-o", bench.scratch / "heaptrack", *command]


def no_heaptrack(_bench):
    return None if shutil.which("heaptrack") else "heaptrack is not installed"


def jemalloc(options):
    return lambda bench: {
        "LD_PRELOAD": find_library("jemalloc"),
        "MALLOC_CONF": f"prof:true,prof_final:true,{options},"
                       f"prof_prefix:{bench.scratch}/jemalloc"}


def no_jemalloc(bench):
    if not find_library("jemalloc"):
        return "libjemalloc is not installed"
    said = bench.output(["true"], jemalloc("prof_active:true")(bench))
    return f"libjemalloc has no profiler: {said}" if "Invalid" in said else None


def tcmalloc(**options):
    return lambda bench: {"LD_PRELOAD": find_library("tcmalloc"), **{
        name: str(value).replace("@", str(bench.scratch))
        for name, value in options.items()}}


def no_tcmalloc(_bench):
    return None if find_library("tcmalloc") else "libtcmalloc is not installed"


def memray_python(bench):
    return bench.kit.folder / "venv" / "bin" / "python"


def memray(*words):
    return lambda bench, command: [
        memray_python(bench), "-m", "memray", "run", "-q", "-f", "-o",
        bench.scratch / "memray", "--trace-python-allocators", *words,
        *command[1:]]


def no_memray(bench):
    """Puts memray in a place of its own, the first time."""
    ask = [memray_python(bench), "-m", "memray", "--version"]
    try:
        if not memray_python(bench).exists():
            subprocess.run([PYTHON, "-m", "venv", "--system-site-packages",
                            bench.kit.folder / "venv"], check=True,
                           capture_output=True, timeout=120)
        if subprocess.run(ask, capture_output=True).returncode != 0:
            subprocess.run([memray_python(bench), "-m", "pip", "install",
                            "-q", "memray"], check=True, capture_output=True,
                           timeout=300)
    except (subprocess.SubprocessError, OSError) as failure:
        return f"memray cannot be installed: {failure}"
    return None


def tracemalloc(frames):
    return lambda bench: {"PYTHONTRACEMALLOC": str(frames)}


TOOLS = [
    Tool("heaptop, exact", wrap=heaptop("--exact")),
    Tool("heaptop --sample", wrap=heaptop("--sample", "512K")),
    Tool("heaptrack", 0.1, NATIVE, wrap=heaptrack, missing=no_heaptrack),
    Tool("jemalloc, every block", 0.02, NATIVE,
         env=jemalloc("lg_prof_sample:0"), missing=no_jemalloc),
    Tool("tcmalloc, every block", 0.02, NATIVE,
         env=tcmalloc(HEAPPROFILE="@/tcmalloc",
                      HEAP_PROFILE_ALLOCATION_INTERVAL=0,
                      HEAP_PROFILE_INUSE_INTERVAL=0), missing=no_tcmalloc),
    Tool("jemalloc, sampled", 1, NATIVE,
         env=jemalloc("lg_prof_sample:19"), missing=no_jemalloc),
    Tool("tcmalloc, sampled", 1, NATIVE,
         env=tcmalloc(TCMALLOC_SAMPLE_PARAMETER=1 << 19), missing=no_tcmalloc),
    Tool("memray", 0.25, SCRIPTS, wrap=memray(), missing=no_memray),
    Tool("memray --native", 0.25, SCRIPTS, wrap=memray("--native"),
         missing=no_memray),
    Tool("tracemalloc, 1 frame", 0.25, SCRIPTS, env=tracemalloc(1)),
    Tool("tracemalloc, 25 frames", 0.25, SCRIPTS, env=tracemalloc(25)),
]
