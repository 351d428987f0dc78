#!/usr/bin/python3
"""All that is known of how much heaptop takes, in one table.

	reliability.py [--short] [WORD]...

Runs the long form of each test below, or the short one, and prints what each
is about, what was reached, and the command that does it alone. With words, only
those whose command holds one of them. The status is 1 if one of them fails.
"""
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

SOURCE = Path(os.environ.get("top_srcdir", ".")).resolve()
BUILD = Path(os.environ.get("top_builddir", ".")).resolve()
HOURS = 3

# What it is about; the command; its arguments in the long form and the short.
TABLE = [
    ("every system call and allocation fails once",
     "tests/faults/nth_failure.py", "--long", ""),
    ("children of every kind; forks beside dlopen, of which none is stuck",
     "tests/e2e/follow.py", "--forks 10000 --bomb 1000", ""),
    ("processes in containers", "tests/e2e/containers.py", "", ""),
    ("events are accounted for exactly",
     "tests/faults/accounting.py", "--long", ""),
    ("eight threads at random agree with their own books",
     "tests/agent/stress.sh", "600 1", "10 1"),
    ("the same, built with AddressSanitizer",
     "tests/agent/stress_asan.sh", "600 2", "5 2"),
    ("the same where address space is short",
     "tests/agent/stress_small.sh", "", ""),
    ("any bytes as what is read from others",
     "tests/fuzz/fuzz.sh", "FUZZ_SECONDS=60", "FUZZ_SECONDS=1"),
    ("attacks are refused or do no harm", "tests/e2e/attacks.py", "", ""),
    ("hostile names do not reach terminal or outputs",
     "tests/e2e/attacks_names.py", "", ""),
    ("a machine at work for a while, where agents come and go",
     "tests/faults/soak.py", "--long", ""),
    ("bad input is refused with one line",
     "tests/e2e/services_bad_input.py", "", ""),
    ("the agent's names, needs, descriptors and system calls",
     "tests/e2e/native_surface.py", "", ""),
    ("what an agent costs that may not publish",
     "tests/faults/cost_of_failure.py", "--long", ""),
    ("stress-ng, redis and PostgreSQL pass as alone",
     "tests/faults/conformance.py", "--long", ""),
    ("CPython's own tests pass as alone",
     "tests/e2e/cpython_tests.py", "--long", ""),
    ("stacks are those that libunwind finds",
     "tests/e2e/differential.sh", "--long", ""),
    ("heaptop's tests under AddressSanitizer and UBSan",
     "tests/faults/sanitizers.sh", "", None),
]


def more():
    """What else is beside this file: its first line says what it is about."""
    known = {command for _, command, _, _ in TABLE}
    for path in sorted((SOURCE / "tests/faults").glob("*.py")):
        name = str(path.relative_to(SOURCE))
        text = path.read_text()
        found = re.search(r'^"""(.*?)\.?(?:"""|\n)', text, re.M)
        if name not in known and path != Path(__file__).resolve() \
                and found and "tap.done()" in text:
            long = "--long" if "--long" in text else ""
            yield found.group(1), name, long, ""


def run(command, arguments):
    """The status of a test, and all that it printed."""
    words = shlex.split(arguments)
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    path = SOURCE / command
    shell = "/usr/bin/python3" if path.suffix == ".py" else "bash"
    process = subprocess.run(
        [shell, path, *(word for word in words if "=" not in word)],
        cwd=BUILD, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
        timeout=HOURS * 3600,
        env={**os.environ, **settings, "top_srcdir": str(SOURCE),
             "top_builddir": str(BUILD), "srcdir": str(SOURCE),
             "CMOCKA_MESSAGE_OUTPUT": "TAP"})
    return process.returncode, process.stdout


def judge(status, text):
    """Whether it holds, and what was reached, in words."""
    good = len(re.findall(r"^ok (?!.*# SKIP)", text, re.M))
    skipped = re.findall(r"^ok .*# SKIP (.*)", text, re.M)
    skipped += re.findall(r"^1\.\.0 # SKIP (.*)", text, re.M)
    bad = re.findall(r"^not ok \d* ?-? ?(.*)", text, re.M)
    reached = re.findall(r"^# reached: (.*)", text, re.M)
    words = reached[-1:] or [f"{good} of {good + len(bad)} checks"]
    if skipped:
        words.append(f"{len(skipped)} skipped: {skipped[0]}")
    if bad:
        words.append(f"FAILED: {bad[0]}")
    elif status:
        words.append(f"FAILED: status {status}")
    return not bad and not status, "; ".join(words)


def main():
    words = [word for word in sys.argv[1:] if word != "--short"]
    short = "--short" in sys.argv[1:]
    bad = 0
    print(f"{'what':<62} {'seconds':>7}  reached", flush=True)
    for what, command, long_form, short_form in (*TABLE, *more()):
        arguments = short_form if short else long_form
        if arguments is None or words and not any(word in command
                                                  for word in words):
            continue
        start = time.monotonic()
        try:
            holds, reached = judge(*run(command, arguments))
        except subprocess.TimeoutExpired:
            holds, reached = False, f"FAILED: not done after {HOURS} hours"
        bad += not holds
        print(f"{what[:62]:<62} {time.monotonic() - start:7.0f}  {reached}\n"
              f"    {' '.join([command, arguments]).strip()}", flush=True)
    print(f"{bad} failed" if bad else "all of it holds")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
