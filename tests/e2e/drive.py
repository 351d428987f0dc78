"""What the end-to-end tests written in Python share: TAP, waiting, heaptop."""
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = Path(os.environ.get("top_srcdir", HERE.parent.parent)).resolve()
BUILD = Path(os.environ.get("top_builddir", SOURCE / "build")).resolve()
HEAPTOP = str(BUILD / "heaptop")
EXAMPLES = SOURCE / "share" / "examples"
PYTHON = "/usr/bin/python3"
PATIENCE = 120  # seconds that anything may take on a busy machine
ALL = "1000000000"  # for --top

_pause = threading.Event()


class Failed(Exception):
    """A check that did not hold; its text says what was seen."""


class Tap:
    """Counts and prints the points of a test."""

    def __init__(self):
        self.count = 0
        self.bad = 0

    def ok(self, holds, what, *seen):
        self.count += 1
        print(f"{'ok' if holds else 'not ok'} {self.count} - {what}")
        if not holds:
            self.bad += 1
            for thing in seen:
                for line in str(thing).splitlines()[:60]:
                    print(f"#   {line}")
        sys.stdout.flush()
        return holds

    def equal(self, got, wanted, what):
        return self.ok(got == wanted, what, f"got:    {got!r}",
                       f"wanted: {wanted!r}")

    def skip(self, what, why):
        self.count += 1
        print(f"ok {self.count} - {what} # SKIP {why}", flush=True)

    def part(self, what, function, *arguments):
        """Runs a part of the test; an exception is a failed point."""
        try:
            return function(*arguments)
        except Exception as error:
            self.ok(False, f"{what}: {type(error).__name__}", error,
                    traceback.format_exc())
            return None

    def done(self):
        print(f"1..{self.count}", flush=True)
        sys.exit(1 if self.bad else 0)


def can_trace():
    """Whether this machine lets us trace our own child, as attaching takes."""
    seize = 0x4206
    libc = ctypes.CDLL(None)
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        return libc.ptrace(seize, child.pid, None, None) == 0
    finally:
        child.kill()
        child.wait()


def ends_without_trace(tap):
    """Where nobody may trace, that is all there is to say."""
    if not can_trace():
        tap.skip("attach", "no process may be traced here")
        tap.done()


def wait_for(what, condition, seconds=PATIENCE):
    """Returns what condition() gives once it is true."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failed(f"waited {seconds} s in vain for {what}")
        _pause.wait(0.02)


TEST = os.getpid()


def end_in_order(number, _frame):
    """Who ends the test, since it takes too long, gets all cleaned up. A child
    that it forked only ends."""
    if os.getpid() == TEST:
        sys.exit(128 + number)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


@contextlib.contextmanager
def workplace():
    """A scratch directory, and a directory of segments of one's own."""
    signal.signal(signal.SIGTERM, end_in_order)
    scratch = Path(tempfile.mkdtemp(prefix="heaptop-test."))
    segments = Path(tempfile.mkdtemp(prefix="heaptop-test.", dir="/dev/shm"))
    before = os.environ.get("HEAPTOP_DIR")
    os.environ["HEAPTOP_DIR"] = str(segments)
    os.environ["XDG_STATE_HOME"] = str(scratch / "state")
    try:
        yield scratch
    finally:
        if before is None:
            del os.environ["HEAPTOP_DIR"]
        else:
            os.environ["HEAPTOP_DIR"] = before
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(segments, ignore_errors=True)


def heaptop(*arguments, timeout=PATIENCE, **options):
    """Runs heaptop to its end. Returns status, stdout and stderr."""
    return subprocess.run([HEAPTOP, *map(str, arguments)], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=timeout, **options)


def must(*arguments):
    """The standard output of a heaptop that has to succeed."""
    result = heaptop(*arguments)
    if result.returncode != 0:
        raise Failed(f"heaptop {' '.join(map(str, arguments))}: status "
                     f"{result.returncode}: {result.stderr.strip()}")
    return result.stdout


def load(text):
    """A report from its JSON, with "" for names that nobody knows."""
    found = json.loads(text)
    for entry in found["entries"]:
        for place in [entry, *entry["traceback"]]:
            for key in ("file", "function", "module"):
                place[key] = place.get(key) or ""
    return found


def report(what, *options):
    return load(must("report", what, "--json", *options))


def diff(old, new, *options):
    return load(must("diff", old, new, "--json", *options))


def segments():
    """The segments there are, by the pid in their names."""
    found = {}
    for path in Path(os.environ["HEAPTOP_DIR"]).glob("*.heaptop"):
        found[int(path.name.split("-")[0])] = path
    return found


def profiled_pid():
    """The pid of the one process that is profiled, once it is."""
    return next(iter(wait_for("a segment", segments)))


class Program:
    """A program, alone or under heaptop, that is spoken to through pipes."""

    def __init__(self, *command, options=(), bare=False, **popen):
        under = [] if bare else [HEAPTOP, "run", "--headless", *options, "--"]
        popen.setdefault("stdin", subprocess.PIPE)
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [*under, *map(str, command)], text=True, stdout=subprocess.PIPE,
            stderr=self.errors, start_new_session=True, **popen)
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def error_text(self):
        self.errors.seek(0)
        return self.errors.read()

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def line(self, pattern, seconds=PATIENCE):
        """Waits for a line of the output; returns the match."""
        def seen():
            for line in list(self.lines):
                match = re.search(pattern, line)
                if match:
                    return match
            if self.process.poll() is not None and not self.reader.is_alive():
                raise Failed(f"the program ended with {self.process.poll()} "
                             f"without a line like {pattern!r}: "
                             f"{self.lines[-5:]} {self.error_text()[-2000:]}")
            return None
        return wait_for(f"a line like {pattern!r}", seen, seconds)

    def end(self, seconds=PATIENCE):
        """Closes its input and waits. Returns status, stdout and stderr."""
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        status = self.process.wait(seconds)
        self.reader.join(seconds)
        return status, self.lines, self.error_text()


def redis_server(scratch):
    """A server to start: Debian's two packages are one program."""
    if shutil.which("redis-server"):
        return "redis-server"
    link = scratch / "redis-server"
    if not link.exists():
        link.symlink_to(shutil.which("redis-check-rdb"))
    return link


def both_ways(*command, **options):
    """Runs a command without and with heaptop; returns the two results."""
    options.setdefault("stdin", subprocess.DEVNULL)
    results = []
    for under in ([], [HEAPTOP, "run", "--headless", "--"]):
        results.append(subprocess.run(
            [*under, *map(str, command)], capture_output=True,
            timeout=PATIENCE, **options))
    return results


def frames_in(entry, part):
    """The frames of an entry's traceback whose file or module has this."""
    return [frame for frame in entry["traceback"]
            if part in frame["file"] or part in frame["module"]]


def describe(entries, count=8):
    lines = []
    for entry in entries[:count]:
        lines.append(" ".join(f"{key}={entry.get(key)}" for key in (
            "file", "line", "function", "domain", "size", "count",
            "size_diff", "count_diff")))
        for frame in entry.get("traceback", [])[:12]:
            lines.append("    " + " ".join(str(frame.get(key)) for key in (
                "kind", "function", "file", "line", "module")))
    return "\n".join(lines)
