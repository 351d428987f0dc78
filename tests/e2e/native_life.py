#!/usr/bin/python3
"""How processes start, multiply and end, with the agent as without it."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

from drive import (ALL, BUILD, HEAPTOP, PYTHON, SOURCE, Program, Tap, both_ways,
                   heaptop, profiled_pid, report, segments, wait_for, workplace)

LIFE = BUILD / "tests" / "programs" / "life"
AGENT = BUILD / "heaptop-agent.so"
EARLY_SIZE = sum((i + 1) * 100 for i in range(1, 200, 2)) + 100 * 50000

MAIN = r"""
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int early_answer(void);
int main(void)
{
	char byte;

	printf("%d %s pid %d\n", early_answer(), getenv("EARLY_WAS_HERE"),
	       (int)getpid());
	fflush(stdout);
	while (read(0, &byte, 1) == 1)
		;
	return 0;
}
"""

# what, how often: those that race with threads more than once
SAME = [("end-exit", 10), ("end-_exit", 10), ("end-abort", 5),
        ("end-kill", 5), ("end-none", 10), ("nothing", 1), ("threads", 1),
        ("fork", 1), ("fork-load", 1), ("vfork", 1), ("small-stack", 1),
        ("leave-first", 5), ("fork-in-thread", 5), ("errno", 1),
        ("close-all", 1)]


def status_of(result):
    """As a shell sees it."""
    code = result.returncode
    return 128 - code if code < 0 else code


def check_same(tap, what, times):
    seen = []
    for _ in range(times):
        bare, under = both_ways(LIFE, what)
        seen.append((status_of(bare), bare.stdout + bare.stderr) ==
                    (status_of(under), under.stdout + under.stderr))
    tap.ok(all(seen), f"{what}: {times} times the same status and output",
           bare, under)


def check_exec(tap):
    """The new program has a segment of its own, without the old blocks."""
    with Program(LIFE, "exec") as program:
        pid = int(program.line(r"^waits (\d+)$").group(1))
        wait_for("a segment", lambda: pid in segments())
        found = wait_for(
            "the new program's blocks",
            lambda: [entry for entry in
                     report(pid, "--group-by", "function",
                            "--top", ALL)["entries"]
                     if entry["function"] == "keep_one"])
        tap.equal([(found[0]["size"], found[0]["count"])], [(12345, 1)],
                  "after exec: the new program's block")
        names = [entry["function"] for entry in
                 report(pid, "--group-by", "function", "--top",
                        ALL)["entries"]]
        tap.ok("exec_self" not in names, "and none of the old one's", names)
        tap.equal(program.end()[0], 0, "it ends well")
    wait_for("an empty directory", lambda: not segments())
    tap.ok(True, "and leaves no segment")


def check_vfork_end(tap):
    """Children of vfork that end leave their parent's agent at work."""
    with Program(LIFE, "vfork-end") as program:
        pid = int(program.line(r"^waits (\d+)$").group(1))
        wait_for("a segment", lambda: pid in segments())
        shown = report(pid, "--group-by", "function", "--top", ALL)
        said = [(entry["size"], entry["count"]) for entry in shown["entries"]
                if entry["function"] == "keep_one"]
        tap.equal((shown["process"]["state"], said),
                  ("running", [(24690, 2)]),
                  "after vfork: the parent is still counted")
        tap.equal(program.end()[0], 0, "it ends well")


def build_early(scratch):
    library = scratch / "libearly.so"
    source = scratch / "main.c"
    source.write_text(MAIN)
    compiler = shutil.which("gcc") or shutil.which("cc")
    subprocess.run([compiler, "-shared", "-fPIC", "-g", "-O2",
                    "-D_GNU_SOURCE", "-o", library,
                    SOURCE / "tests" / "programs" / "early.c"], check=True)
    program = scratch / "early"
    subprocess.run([compiler, "-g", "-O2", "-o", program, source, library,
                    f"-Wl,-rpath,{scratch}"], check=True)
    return program


def check_early(tap, scratch):
    program_path = build_early(scratch)
    for name, bind in (("lazily bound", {}), ("bound", {"LD_BIND_NOW": "1"})):
        with Program(program_path, env=dict(os.environ, **bind)) as program:
            match = program.line(r"^42 1 pid (\d+)$")
            tap.ok(True, f"{name}: memory from before main is whole")
            pid = int(match.group(1))
            wait_for("a segment", lambda: pid in segments())
            entries = report(pid, "--group-by", "function", "--top",
                             ALL)["entries"]
            said = [(entry["size"], entry["count"]) for entry in entries
                    if entry["function"] == "early_begin"]
            tap.equal(said, [(EARLY_SIZE, 200)], f"{name}: and counted")
            status, _, errors = program.end()
            tap.equal((status, errors), (0, ""), f"{name}: ends well")


def check_no_descriptors(tap):
    """The agent holds none, and no thread but its ticker."""
    counts = []
    for bare in (True, False):
        with Program(LIFE, "wait", bare=bare) as program:
            pid = int(program.line(r"^waits (\d+)$").group(1))
            if not bare:
                wait_for("a segment", lambda: pid in segments())
            counts.append([len(os.listdir(f"/proc/{pid}/{kind}"))
                           for kind in ("fd", "task")])
            program.end()
    tap.equal(counts[1][0], counts[0][0], "no descriptor is the agent's")
    tap.equal(counts[1][1], counts[0][1] + 1, "one thread is the agent's")


def check_privileged(tap, scratch):
    """A set-user-id program runs on, without the agent."""
    copy = scratch / "privileged"
    if os.geteuid() != 0:
        tap.skip("a privileged program", "needs root to make one")
        return
    shutil.copy(LIFE, copy)
    scratch.chmod(0o755)
    os.chown(copy, 1, 1)
    copy.chmod(0o6755)
    before = segments()
    result = subprocess.run([HEAPTOP, "run", "--headless", "--", copy,
                             "nothing"], capture_output=True, text=True,
                            stdin=subprocess.DEVNULL, timeout=60)
    tap.equal(result.returncode, 0, "a privileged program runs on")
    tap.equal(segments(), before, "and has no segment")


# It was root when it began, as servers are, and has much to tell afterwards.
DROPS = """
import os, select
def links():
    return [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir(
        "/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]
before = links()
print("ready", flush=True)
os.read(0, 1)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
child = os.fork()
kept = []
for first in range(0, 20000, 100):
    exec("\\n" * first + "kept.append(bytes(600))\\n" * 100)
while set(links()) - set(before):
    bytes(600)  # what the agent holds on to, it lets go of soon
print("changed", flush=True)
while not select.select([0], [], [], 0.05)[0]:
    bytes(600)  # the agent looks up
os.read(0, 1)
if child:
    os.wait()
"""


def check_rights_dropped(tap):
    """A server that is root no more tells all the same."""
    if os.geteuid() != 0:
        tap.skip("a program that gives up its rights", "needs root")
        return
    with Program(PYTHON, "-c", DROPS) as program:
        program.line("^ready$")
        pid = profiled_pid()
        wait_for("a tick", lambda: heaptop("report", pid).returncode == 0)
        program.say("1")
        wait_for("both", lambda: sum(line.startswith("changed")
                                     for line in program.lines) == 2)
        tap.ok(True, "it and its child see no descriptor of ours")

        def told():
            found = report(pid, "--filter", "<string>", "--top", "1")
            return found["matched"] >= 20000 and not found["losses"]
        wait_for("20,000 lines", told)
        tap.ok(True, "what comes after the rights are gone is told")
        program.say("23")
        tap.equal(program.end()[0], 0, "and it ends well")


def main():
    tap = Tap()
    for path in (LIFE, AGENT, Path(HEAPTOP)):
        if not path.exists():
            print(f"1..0 # SKIP {path} is not built")
            return 0
    with workplace() as scratch:
        for what, times in SAME:
            tap.part(what, check_same, tap, what, times)
        tap.part("vfork", check_vfork_end, tap)
        tap.part("descriptors", check_no_descriptors, tap)
        tap.part("early", check_early, tap, scratch)
        tap.part("privileged", check_privileged, tap, scratch)
    with workplace():
        tap.part("exec", check_exec, tap)
    with workplace():
        tap.part("rights", check_rights_dropped, tap)
    tap.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
