#!/usr/bin/python3
"""CPython's own regression tests say the same with heaptop as without.

Usage: cpython_tests.py [--long] [-v VERSION]... [TEST]...

Alone it takes three quick tests, on the oldest and on the newest interpreter of
the machine that has them; --long takes all that are listed below, on every
one, which lasts an hour and more. A test that fails alone is run with heaptop
all the same: the tests it runs and those that fail have to be the same, but for
those of KNOWN.
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile

from drive import HEAPTOP, SOURCE, Tap, workplace

sys.path.insert(0, str(SOURCE / "tests/agent/py"))
import pythons  # noqa: E402

QUICK = ["test_gc", "test_generators", "test_fork1"]
LONG = ["test_capi", "test_gc", "test_threading", "test_fork1",
        "test_subprocess", "test_multiprocessing_fork", "test_tracemalloc",
        "test_ctypes", "test_asyncio", "test_embed", "test_exceptions",
        "test_generators", "test_io", "test_json", "test_pickle",
        "test_sqlite3", "test_os"]
OLDER_NAMES = {"test_sqlite3": "test_sqlite"}
# What cannot be the same, and why.
KNOWN = {
    "test_vfork_used_when_expected":
        "it reads what strace prints, which names the agent's thread",
    "test_syscalls_read":
        "it is skipped where LD_PRELOAD is set",
}
MINUTES = 5  # alone; with heaptop three times that, the machine may be busy
STARTED = re.compile(r"^(\w+) \(([\w.]+)\)")
VERDICT = re.compile(r"(?:^|\.\.\. )(ok|FAIL|ERROR|skipped .*|expected failure|"
                     r"unexpected success)$")


def is_known(one):
    return one.rsplit(".", 1)[-1] in KNOWN


def name_in(python, test):
    """What the interpreter calls the test; None when it has none."""
    names = [test, OLDER_NAMES.get(test, test)]
    code = ("import importlib.util as u, sys\n"
            "for name in sys.argv[1:]:\n"
            "    try:\n"
            "        if u.find_spec('test.' + name): print(name); break\n"
            "    except ImportError: pass\n")
    done = subprocess.run([*python.command, "-c", code, *names], text=True,
                          capture_output=True, check=False)
    return done.stdout.strip() or None


def verdicts(text):
    """{test: how it ended}, of the verbose output of unittest. What a test
    prints may stand between its name and its end."""
    found, running = {}, None
    for line in text.splitlines():
        start = STARTED.match(line)
        if start:
            running = f"{start[2]}.{start[1]}"
        end = VERDICT.search(line.rstrip())
        if running and end:
            found[running] = end[1].split(" ")[0]
            running = None
    return found


def run(command, scratch, minutes):
    """The status and output of a command; -1 when it had to be stopped."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith("PYTHON")}
    env.update(PYTHONDONTWRITEBYTECODE="1", TMPDIR=scratch)
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=env,
                                   stdout=output, stderr=subprocess.STDOUT,
                                   cwd=scratch, start_new_session=True)
        try:
            status = process.wait(minutes * 60)
        except subprocess.TimeoutExpired:
            status = -1
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        output.seek(0)
        return status, output.read()


def both(python, name):
    command = [*python.command, "-m", "test", "-v", name]
    results, minutes = [], MINUTES
    for under in ([], [HEAPTOP, "run", "--headless", "--"]):
        with workplace(), tempfile.TemporaryDirectory() as scratch:
            results.append(run([*under, *command], scratch, minutes))
        if results[0][0] != -1:
            minutes = 3 * MINUTES
    return results


def compare(tap, python, test):
    what = f"{python.version}, {test}"
    name = name_in(python, test)
    if not name:
        tap.skip(what, "this interpreter has no such test")
        return
    (bare_status, bare_text), (status, text) = both(python, name)
    bare, under = verdicts(bare_text), verdicts(text)
    differ = [f"{one}: {under.get(one)}, alone {bare.get(one)}"
              for one in sorted({*bare, *under})
              if under.get(one) != bare.get(one)]
    known = [one for one in differ if is_known(one.split(":")[0])]
    bad = sum(end in ("FAIL", "ERROR") for end in bare.values())
    details = f"{len(bare)} tests"
    details += f", of which {bad} fail alone too" if bad else ""
    if bare_status == status == -1:
        tap.skip(what, f"does not end in {MINUTES} minutes alone either")
        return
    details += "".join(f"; {one} ({KNOWN[one.split(':')[0].split('.')[-1]]})"
                       for one in known)
    tap.ok(bare and differ == known and (known or status == bare_status),
           f"{what}: {details}", f"status {status}, alone {bare_status}",
           *differ, *text.splitlines()[-40:])


def chosen(options):
    found = [python for python in pythons.found()
             if name_in(python, QUICK[0])]
    if options.v:
        return [python for python in found
                if any(python.version.startswith(v) for v in options.v)]
    return found if options.long else [*found[:1], *found[1:][-1:]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true")
    parser.add_argument("-v", action="append")
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    tests = options.tests or (LONG if options.long else QUICK)
    tap = Tap()
    found = chosen(options)
    if not found:
        pythons.skip_all("no interpreter here has its own tests")
    for python in found:
        for test in tests:
            tap.part(f"{python.version}, {test}", compare, tap, python, test)
    tap.done()


if __name__ == "__main__":
    main()
