#!/usr/bin/python3
"""C++ under the agent: operator new by name, exceptions, cancellation."""
import os
import re
import shutil
import subprocess
import sys

from drive import (ALL, HEAPTOP, SOURCE, Program, Tap, describe,
                   profiled_pid, report, workplace)

SOURCE_FILE = SOURCE / "tests" / "programs" / "throws.cc"

# function, blocks, bytes; ten of each
SITES = [
    ("ledger::by_new", 10, 10000),
    ("ledger::by_aligned_new", 10, 2560),
    ("ledger::by_nothrow_new", 10, 20000),
    ("ledger::by_template<int>", 10, 5000),
    ("ledger::by_template<long>", 10, 6000),
    ("ledger::Maker::Maker", 10, 30000),
]
WALKERS = [[], ["--unwinder", "libunwind"], ["--unwinder", "check"]]
FACTS = ["caught 100", "destroyed 1100", "bad_alloc 1",
         "cancelled 20 cleaned 2040", "cancelled 50", "errno 1000"]


def facts(lines):
    return [line for line in lines if not line.startswith("ready ")]


def check_sites(tap, pid):
    entries = report(pid, "--group-by", "function", "--top", ALL)["entries"]
    said = {entry["function"]: (entry["count"], entry["size"])
            for entry in entries}
    for function, count, size in SITES:
        tap.equal(said.get(function), (count, size),
                  f"{function} holds what it made")
    lambdas = [(entry["count"], entry["size"]) for entry in entries
               if "lambda" in entry["function"]]
    tap.equal(lambdas, [(10, 7000)], "so does the lambda")
    mangled = [entry["function"] for entry in entries
               if entry["function"] and entry["function"].startswith("_Z")]
    tap.ok(not mangled, "no name is mangled", mangled)


def check_traceback(tap, pid):
    entries = report(pid, "--group-by", "traceback", "--top",
                     ALL)["entries"]
    chains = [[frame["function"] for frame in entry["traceback"]]
              for entry in entries]
    wanted = ["operator new", "operator new[]", "ledger::by_new",
              "ledger::keep_all", "main"]
    found = [chain for chain in chains if "ledger::by_new" in chain]
    tap.ok(found and [name for name in found[0] if name in wanted][-3:]
           == wanted[-3:] and found[0][0].startswith("operator new"),
           "the traceback goes from operator new through the inlined "
           "caller to main", describe(entries))


def check_live(tap, program_path, options):
    name = " ".join(options) or "rules"
    with Program(program_path, options=options) as program:
        program.line(r"^ready ")
        tap.equal(facts(program.lines), FACTS,
                  f"{name}: exceptions, cancellation and errno as without")
        if not options:
            pid = profiled_pid()
            check_sites(tap, pid)
            check_traceback(tap, pid)
        status, _, errors = program.end()
        tap.equal((status, errors), (0, ""), f"{name}: ends well, in silence")


def check_bare(tap, program_path):
    with Program(program_path, bare=True) as program:
        program.line(r"^ready ")
        tap.equal(facts(program.lines), FACTS, "the facts without heaptop")


def check_bindings(tap, program_path):
    """Every unwinding function of the host comes from libgcc_s."""
    result = subprocess.run(
        [HEAPTOP, "run", "--headless", "--", program_path], text=True,
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
        env=dict(os.environ, LD_DEBUG="bindings"))
    bound = re.findall(r"binding file (\S*libstdc\+\+\S*|\S*throws) \[\d+\] to "
                       r"(\S+) \[\d+\]: normal symbol `(_Unwind_\w+)'",
                       result.stderr)
    names = {name for _, _, name in bound}
    tap.ok("_Unwind_RaiseException" in names and "_Unwind_Resume" in names,
           "the program binds the functions that throw", names)
    wrong = [line for line in bound if "/libgcc_s.so" not in line[1]]
    tap.ok(not wrong, "and all of them to libgcc_s", wrong)


def build(scratch, compiler):
    program_path = scratch / "throws"
    subprocess.run([compiler, "-std=c++17", "-g", "-O2", "-o", program_path,
                    SOURCE_FILE, "-pthread"], check=True)
    return program_path


def main():
    tap = Tap()
    compiler = shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        print("1..0 # SKIP no C++ compiler here")
        return 0
    with workplace() as scratch:
        program_path = build(scratch, compiler)
        tap.part("bare", check_bare, tap, program_path)
        for options in WALKERS:
            tap.part("live", check_live, tap, program_path, options)
        tap.part("bindings", check_bindings, tap, program_path)
    tap.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
