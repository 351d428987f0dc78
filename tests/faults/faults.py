#!/usr/bin/python3
"""Injects what breaks tools of this kind, a row of a table for each fault.

Each row runs a case of a small program bare and with the agent. Its output and
its status must be the same; the totals must be those of the books that the
program prints, or what is missing be counted as a loss of a kind that the row
names; and the viewer must say so in words.

	faults.py [--long] [WORD...]	only the rows with one of the words

A row that changes a setting of the whole machine runs with --long only. It is
changed so that nothing else that runs is refused anything, and put back.
"""
import contextlib
import functools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from drive import (ALL, BUILD, PYTHON, SOURCE, Failed, Tap,  # noqa: E402
                   load, must, workplace)

sys.path.insert(0, str(SOURCE / "tests/agent/py"))
import pythons  # noqa: E402

PROGRAMS = BUILD / "tests" / "faults" / "programs"
SOURCES = SOURCE / "tests" / "faults" / "programs"
AGENT = str(BUILD / "heaptop-agent.so")
LONG = "--long" in sys.argv[1:]
PATIENCE = 120
SKIPPED = 77  # a case that cannot be had here
UNKNOWN = 64

# Cuts of stacks lose no block.
CUTS = {"stack_cut", "stack_no_rule", "stack_bounds"}


@dataclass
class Row:
    what: str                 # the fault, as a reader would name it
    program: str
    case: str
    loses: set = field(default_factory=set)  # may be lost, and is then counted
    says: set = field(default_factory=set)   # must be said to be lost
    cuts: bool = False        # stacks may be cut
    rough: bool = False       # a loss is not of so many blocks
    within: set = field(default_factory=set)  # functions of which some blocks
    # are born inside the true malloc; whose they are nobody can tell
    unseen: bool = False      # the agent is not asked: no totals
    preload: str = "AGENT"    # AGENT and libraries, in their order
    bare: str = ""            # the same without the agent
    env: dict = field(default_factory=dict)
    limits: dict = field(default_factory=dict)
    silent: bool = False      # there is no segment
    tmpfs: str = ""           # the segment's directory is that large
    settings: dict = field(default_factory=dict)  # of the machine, /proc/sys
    live_map: str = ""        # how the report calls it, when it is not usual
    free_threaded: bool = False  # the Python that runs the program


LIBRARIES = ("libjemalloc.so.2", "libtcmalloc_minimal.so.4",
             "libmimalloc.so.2")
ROWS = [
    Row("requests of no bytes", "heap", "nothing"),
    Row("realloc to nothing, which frees", "heap", "resize-to-nothing"),
    Row("requests that are too large, or overflow", "heap", "huge"),
    Row("writing to all that malloc_usable_size says", "heap", "usable"),
    Row("memory ends (RLIMIT_AS), and there is some again", "heap",
        "no-memory", loses={"no_memory", "live_full"}),
    Row("address space is short from the start", "heap", "many",
        limits={resource.RLIMIT_AS: 200 << 20}),
    Row("hardly any address space", "heap", "many",
        limits={resource.RLIMIT_AS: 64 << 20},
        loses={"no_memory", "live_full"}),
    Row("data is limited (RLIMIT_DATA), as when nothing is overcommitted",
        "heap", "many", limits={resource.RLIMIT_DATA: 100 << 20}),
    Row("nothing is overcommitted (vm.overcommit_memory=2)", "heap", "many",
        settings={"vm/overcommit_ratio": 10 ** 8,
                  "vm/overcommit_memory": 2}, live_map="small pieces"),
    Row("data is limited later on", "heap", "no-data",
        loses={"no_memory", "live_full"}),
    Row("frees of blocks that nobody saw born", "heap", "foreign"),
    Row("all memory is locked (mlockall)", "heap", "locked"),
    Row("clocks leap back and forth", "heap", "many",
        preload="AGENT clock.so", bare="clock.so"),
    Row("the program has a malloc of its own", "heap_own", "many",
        unseen=True, says={"not_first"}),
    Row("the file system is full when the segment is to grow", "heap",
        "stacks", tmpfs="512k", loses={"segment_full"},
        says={"segment_full"}),
    Row("somebody cuts the segment short", "process", "cut-segment",
        says={"segment_cut"}),
    Row("the segment has no room at all", "heap", "many", tmpfs="64k",
        silent=True),
    Row("handlers that allocate, at any instant of an allocation", "signals",
        "in-handler", preload="AGENT bump.so", bare="bump.so",
        loses={"reentrant"}, within={"handled"}),
    Row("handlers that leave an allocation by siglongjmp", "signals", "jump",
        preload="AGENT bump.so", bare="bump.so", loses={"reentrant"},
        within={"handled"}),
    Row("an allocation is left, and the next ones are from further in",
        "signals", "left", preload="AGENT bump.so", bare="bump.so",
        loses={"reentrant"}, says={"reentrant"}),
    Row("a signal that one thread waits for", "signals", "waited-for"),
    Row("threads are cancelled", "signals", "cancelled"),
    Row("frame pointers and return addresses that are none", "walks",
        "garbage", cuts=True),
    Row("machine code that is made, unmapped and made anew", "walks",
        "made-code", cuts=True),
    Row("a recursion of 100,000 frames", "walks", "deep",
        says={"stack_cut"}, cuts=True),
    Row("stacks that are switched, and are blocks", "walks", "switched",
        cuts=True),
    Row("allocation while the stack is unwound, and under the loader's lock",
        "walks", "in-unwinder", cuts=True),
    Row("names that dlsym does not find", "loader", "missing"),
    Row("everything is bound at once (LD_BIND_NOW)", "loader", "missing",
        env={"LD_BIND_NOW": "1"}),
    Row("the loader is audited (LD_AUDIT)", "loader", "missing",
        env={"LD_AUDIT": "audit.so"}),
    Row("modules closed whose blocks stay", "loader", "closed"),
    Row("threads open and close modules", "loader", "closed-by-threads"),
    Row("a module bound to libc's malloc first (RTLD_DEEPBIND)", "loader",
        "deep-bound"),
    Row("10,000 short threads whose destructors allocate", "process",
        "short-threads"),
    Row("400 children at once", "process", "fork-bomb"),
    Row("low descriptors are closed, and become others", "process",
        "closed-descriptors"),
    Row("no descriptor may be opened any more", "process", "few-descriptors"),
    Row("no file may grow (RLIMIT_FSIZE)", "process", "no-files",
        loses={"segment_full"}),
    Row("a stack of 64 KiB", "process", "little-stack"),
    Row("another root without anything", "process", "no-root"),
    Row("a daemon, which leaves its parent", "process", "daemon"),
    Row("strict seccomp, and a thread that ends by exit(2)", "process",
        "strict", says={"sealed"}),
    Row("every system call is forbidden", "process", "filtered",
        loses={"no_memory", "segment_full"}, cuts=True, rough=True),
    Row("children that borrow memory (vfork)", "process", "borrowed"),
] + [
    row for library in LIBRARIES for row in (
        Row(f"{library} behind the agent", "heap", "many",
            preload=f"AGENT {library}", bare=library),
        Row(f"{library} before the agent", "heap", "many", unseen=True,
            preload=f"{library} AGENT", bare=library, says={"not_first"}))
] + [
    # From 3.14 on each thread of a free-threaded build has its own copy of a
    # function's instructions, which is a block that the function gave birth to.
    Row(f"{python}: {what}", "threads.py", case, free_threaded=free_threaded,
        env={"PYTHON_TLBC": "0"} if free_threaded else {})
    for python, free_threaded in (("Python", False),
                                  ("free-threaded Python", True))
    for what, case in (("threads free each other's blocks", "handed-on"),
                       ("blocks that the collector finds", "in-cycles"),
                       ("blocks of threads that have ended", "short-lived"))
] + [
    Row("AddressSanitizer", "heap_asan", "many",
        env={"ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}),
    Row("AddressSanitizer, which looks for leaks when threads have ended",
        "process_asan", "short-threads",
        env={"ASAN_OPTIONS": "verify_asan_link_order=0"}),
    Row("AddressSanitizer, and children beside threads that begin and end",
        "process_asan", "fork-beside-threads",
        env={"ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}),
]
BUILT = {  # beside what make builds: name, sources, options
    "bump.so": (["bump.c"], ["-shared", "-fPIC", "-fno-builtin"]),
    "module.so": (["module.c"], ["-shared", "-fPIC"]),
    "audit.so": (["audit.c"], ["-shared", "-fPIC"]),
    "clock.so": (["clock.c"], ["-shared", "-fPIC"]),
    "heap_own": (["heap.c", "bump.c"], ["-pthread", "-fno-builtin"]),
    "heap_asan": (["heap.c"], ["-pthread", "-fsanitize=address"]),
    "process_asan": (["process.c"], ["-pthread", "-fsanitize=address"]),
}


@functools.cache
def interpreter(free_threaded):
    """How to run it; None: there is none."""
    if not free_threaded:
        return [PYTHON]
    return next((python.command for python in pythons.found()
                 if python.free_threaded), None)


class Stage:
    """Where the programs run that are built here."""

    def __init__(self, scratch):
        self.scratch = scratch

    def built(self, name):
        """The path of what is built here, or of what make has built."""
        path = self.scratch / name
        if name not in BUILT:
            return PROGRAMS / name
        if not path.exists():
            sources, options = BUILT[name]
            subprocess.run(
                ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-g", "-O2", *options,
                 f"-I{BUILD}", f"-I{SOURCE / 'include'}", "-o", path,
                 *(SOURCES / s for s in sources)], check=True)
        return path

    def command(self, row):
        if row.program.endswith(".py"):
            return [*interpreter(row.free_threaded), SOURCES / row.program,
                    row.case]
        return [self.built(row.program), row.case]

    def preload(self, names):
        return " ".join(
            AGENT if name == "AGENT" else
            str(self.built(name)) if name in BUILT else name
            for name in names.split())

    def run(self, row, preload, segments):
        env = dict(os.environ, LD_PRELOAD=self.preload(preload),
                   HEAPTOP_DIR=str(segments), HEAPTOP_KEEP="1",
                   FAULT_MODULE=str(self.built("module.so")))
        if "AGENT" in preload and not row.silent:
            env["FAULT_READY"] = str(segments)
        env.update({name: str(self.built(value)) if value in BUILT else value
                    for name, value in row.env.items()})

        def limit():
            for which, value in row.limits.items():
                resource.setrlimit(which, (value, value))
        process = subprocess.Popen(
            self.command(row), env=env, preexec_fn=limit,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)
        try:
            output, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            output += "(killed: it hangs)\n"
        return process.returncode, output, process.pid


def library_is_here(name):
    return subprocess.run(
        ["true"], env={"LD_PRELOAD": name}, capture_output=True,
        text=True).stderr == ""


@contextlib.contextmanager
def machine_set(settings):
    """Other numbers in /proc/sys, in this order; put back in the reverse."""
    paths = [Path("/proc/sys") / name for name in settings]
    before = [path.read_text() for path in paths]
    try:
        for path, value in zip(paths, settings.values()):
            path.write_text(str(value))
        yield
    finally:
        for path, text in reversed(list(zip(paths, before))):
            path.write_text(text)


def why_not(row):
    if row.settings and not LONG:
        return "it changes a setting of the whole machine: --long"
    if row.settings and not all(os.access(Path("/proc/sys") / name, os.W_OK)
                                for name in row.settings):
        return "the machine's settings may not be changed here"
    if "vm/overcommit_ratio" in row.settings and Path(
            "/proc/sys/vm/overcommit_ratio").read_text() == "0\n":
        return "the machine's limit is set in another way"
    for name in row.preload.split():
        if name.startswith("lib") and not library_is_here(name):
            return f"{name} is not installed"
    if row.program.endswith("_asan") and subprocess.run(
            ["gcc", "-fsanitize=address", "-x", "c", "-", "-o", "/dev/null"],
            input="int main(void) { return 0; }", text=True,
            capture_output=True).returncode:
        return "no AddressSanitizer here"
    if row.free_threaded and not interpreter(True):
        return "no free-threaded Python here (fetch_pythons.sh builds one)"
    if row.tmpfs and os.geteuid() != 0:
        return "only root can mount a file system"
    return None


def truths(output):
    found = re.findall(r"^truth (\w+) (\d+) (\d+) (\d+) (\d+)$", output, re.M)
    return {name: tuple(map(int, numbers)) for name, *numbers in found}


def segment_of(row, pid, segments):
    """The segment of who has printed the books."""
    paths = list(segments.glob("*.heaptop"))
    other = row.case == "daemon"
    for path in paths:
        if (int(path.name.split("-")[0]) == pid) != other:
            return path
    return None


def wrong_totals(row, shown, books):
    """What differs from the books beyond what is said to be lost."""
    seen = {entry["function"]: entry for entry in shown["entries"]}
    lost = sum(shown["losses"].get(cause, 0) for cause in row.loses)
    # Without a last tick it did not end, says the viewer, but was killed.
    if row.rough and (lost or shown["process"]["state"] == "killed"):
        lost = sum(wanted[3] for wanted in books.values())
    wrong = []
    for function, wanted in books.items():
        entry = seen.get(function, {})
        got = tuple(entry.get(key, 0) for key in (
            "size", "count", "total_size", "total_count"))
        most = got[3] + lost
        if lost and function in row.within:
            most = wanted[3]
        if got != wanted and not (lost and got[3] <= wanted[3] <= most):
            wrong.append(f"{function}: {got}, and the books say {wanted}; "
                         f"{lost} lost")
    return wrong


def said(path, shown):
    """What of the losses the report does not say in words."""
    text = must("report", path, "--top", "1")
    must("top", "-b", "-n", "1", path)
    counts = [int(n) for n in re.findall(r"^not in it: (\d+) \w", text, re.M)]
    return [f"{name}: {count}" for name, count in shown["losses"].items()
            if count not in counts]


def check_segment(tap, row, path, books):
    shown = load(must("report", path, "--json", "--group-by", "function",
                      "--top", ALL))
    losses = {name for name, count in shown["losses"].items() if count}
    if not row.unseen:
        wrong = wrong_totals(row, shown, books)
        tap.ok(not wrong, f"{row.what}: the totals are the program's own",
               *wrong, shown["losses"])
    may = row.loses | row.says | (CUTS if row.cuts else set())
    missing = said(path, shown)
    if row.live_map:
        saved = path.with_suffix(".json")
        must("snapshot", path, "-o", saved)
        kind = json.loads(saved.read_text())["process"].get("live_map", "")
        tap.ok(kind.startswith(row.live_map),
               f"{row.what}: the live map is of that kind", kind)
    tap.ok(losses <= may and row.says <= losses and not missing,
           f"{row.what}: what was lost is said" if may else
           f"{row.what}: nothing was lost", shown["losses"], missing)


def check(tap, stage, row):
    why = why_not(row)
    if why:
        tap.skip(row.what, why)
        return
    segments = stage.scratch / "segments"
    if not row.tmpfs:
        segments = Path(os.environ["HEAPTOP_DIR"]) / "row"
    segments.mkdir(mode=0o700)
    if row.tmpfs:
        subprocess.run(["mount", "-t", "tmpfs", "-o",
                        f"size={row.tmpfs},mode=0700", "none", segments],
                       check=True)
    try:
        bare = stage.run(row, row.bare, segments)
        if bare[0] == SKIPPED:
            tap.skip(row.what, "cannot be had here")
            return
        if bare[0] == UNKNOWN:
            raise Failed(f"{row.program} has no case {row.case}")
        with machine_set(row.settings):
            with_agent = stage.run(row, row.preload, segments)
        tap.equal(with_agent[:2], bare[:2],
                  f"{row.what}: the same output and status")
        path = segment_of(row, with_agent[2], segments)
        if row.silent:
            tap.ok(path is None, f"{row.what}: there is no segment")
        elif tap.ok(path, f"{row.what}: it leaves a segment"):
            check_segment(tap, row, path, truths(bare[1]))
    finally:
        if row.tmpfs:
            subprocess.run(["umount", "-l", segments], check=True)
        shutil.rmtree(segments, ignore_errors=True)


def main():
    tap = Tap()
    words = [word for word in sys.argv[1:] if word != "--long"]
    times = 20 if LONG else 1
    if not (PROGRAMS / "heap").exists():
        print(f"1..0 # SKIP {PROGRAMS} is not built")
        return 0
    with workplace() as scratch:
        stage = Stage(scratch)
        for row in ROWS:
            if words and not any(word in row.what for word in words):
                continue
            for _ in range(times):
                tap.part(row.what, check, tap, stage, row)
    tap.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
