#!/usr/bin/python3
"""An agent that is loaded by a program which runs already, switched on and off.

The truth is in the program, which knows what it has done since; what it did
before is unknown to heaptop, and does no harm.
"""
import ctypes
import mmap
import os
import struct
import subprocess
import sys

from drive import (ALL, BUILD, PYTHON, SOURCE, Failed, Program, Tap, must, report,
                   segments, wait_for, workplace)
from segment import CONTROL, PAGE, SYS_FUTEX, FUTEX_WAKE

AGENT = str(BUILD / "heaptop-agent.so")
PROGRAM = SOURCE / "tests" / "programs" / "attached.c"
LIFE = 3240   # where the wish is in the control page
ON, DETACH = 1, 2

PLUGIN = """
#include <stdlib.h>
static void *kept[1000];
void plugin_grow(int count);
void plugin_grow(int count)
{
    for (int i = 0; i < count; i++)
        kept[i] = malloc(555);
}
"""

# Long to relocate, and read-only as soon as it is.
COMES_AND_GOES = """
#include <stdlib.h>
#define EIGHT(x) x, x, x, x, x, x, x, x
typedef void *allocates(size_t);
allocates *const table[] = {EIGHT(EIGHT(EIGHT(EIGHT(malloc))))};
void NAME(void);
void NAME(void)
{
    free(table[7](NUMBER));
}
"""

LOADS = """
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    void *agent = dlopen(argv[1], RTLD_NOW);
    int (*attach)(const char *) = (int (*)(const char *))dlsym(
        agent, "heaptop_agent_attach");
    int rounds = atoi(argv[2]);
    if (!attach || attach(NULL))
        return 1;
    for (int i = 0; i < rounds; i++) {
        void *library = dlopen(argv[3 + i % (argc - 3)], RTLD_NOW);
        void (*go)(void) = library ? (void (*)(void))dlsym(library, "go") : 0;
        if (!go)
            return 2;
        go();
        dlclose(library);
    }
    puts("done");
    return 0;
}
"""

PYTHON_PROGRAM = """
import ctypes, sys, tracemalloc
agent = ctypes.CDLL(sys.argv[1])
def keep(count):
    return [str(i) * 10 for i in range(count)]
kept = keep(5000)
print("ready", flush=True)
for line in sys.stdin:
    word, *rest = line.split()
    if word == "attach":
        print("attach", agent.heaptop_agent_attach(None), flush=True)
    elif word == "keep":
        tracemalloc.start()
        kept = keep(int(rest[0]))
        found = [stat for stat in tracemalloc.take_snapshot().statistics("lineno")
                 if stat.traceback[0].lineno == 5]
        tracemalloc.stop()
        print("kept", found[0].size, found[0].count, flush=True)
"""


def wish(path, life):
    with open(path, "r+b") as file:
        control = mmap.mmap(file.fileno(), PAGE, offset=CONTROL)
        struct.pack_into("<I", control, LIFE, life)
        wake, = struct.unpack_from("<I", control)
        struct.pack_into("<I", control, 0, (wake + 1) & 0xffffffff)
        word = ctypes.c_uint32.from_buffer(control)
        ctypes.CDLL(None).syscall(SYS_FUTEX, ctypes.byref(word), FUTEX_WAKE, 1,
                                  None, None, 0)
        del word
        control.close()


def segment_of(pid):
    return wait_for("a segment", lambda: segments().get(pid))


def state(pid):
    for line in must("list").splitlines()[1:]:
        words = line.split()
        if words and words[0] == str(pid):
            return words[1]
    return None


def ask(program, text, word):
    program.lines.clear()
    program.say(text + "\n")
    return program.line(rf"^{word} (-?\d+)(?: (\d+))?$")


def attach(program, pid):
    result = int(ask(program, "attach", "attach")[1])
    if result != 0:
        raise Failed(f"heaptop_agent_attach returned {result}")
    wait_for("the agent to record", lambda: state(pid) == "running")


def detach(pid):
    wish(segment_of(pid), DETACH)
    wait_for("the segment to go", lambda: pid not in segments())


def held(pid, function):
    """Bytes and blocks of a function, and its entry's."""
    for entry in report(str(pid), "--group-by", "function", "--top", ALL)["entries"]:
        if entry["function"] == function:
            return entry["size"], entry["count"]
    return 0, 0


def others(pid):
    """Of functions that are not asked for here."""
    return [entry for entry in report(str(pid), "--top", ALL)["entries"]
            if entry["function"] not in ("grow", "resize")]


def build(scratch, name, *flags):
    path = scratch / name
    subprocess.run(["cc", "-g", "-O1", "-pthread", *flags, PROGRAM, "-o", path,
                    "-ldl"], check=True)
    return path


def one_cycle(tap, what, program, pid):
    ask(program, "grow 100 1000", "grow")
    tap.equal(held(pid, "grow"), (100 * 1000, 100), f"{what}: what is new")
    # The oldest: blocks from before.
    ask(program, "drop 50", "drop")
    tap.equal(held(pid, "grow"), (100 * 1000, 100),
              f"{what}: frees of what was there before change nothing")
    ask(program, "resize 30 2000", "resize")
    tap.equal(held(pid, "resize"), (30 * 2000, 30),
              f"{what}: a block from before begins to live when it is resized")
    ask(program, "drop 30", "drop")
    tap.equal(held(pid, "resize"), (0, 0), f"{what}: and ends like any other")
    # A total that is read while threads allocate may be some blocks off.
    ask(program, "quiet 1", "quiet")
    wait_for("threads that pause", lambda: not others(pid), 20)
    ask(program, "quiet 0", "quiet")
    tap.ok(True, f"{what}: nothing else is held")


def c_program(tap, scratch, name, *flags):
    path = build(scratch, name, *flags)
    with Program(path, AGENT, bare=True) as program:
        pid = int(program.line(r"^ready (\d+)$")[1])
        ask(program, "grow 900 333", "grow")
        bare = int(ask(program, "threads", "threads")[1])
        for cycle in range(2):
            attach(program, pid)
            one_cycle(tap, f"{name}, {cycle + 1}", program, pid)
            detach(pid)
            ask(program, "grow 50 1000", "grow")
            wait_for("the agent's thread to be gone", lambda: int(
                ask(program, "threads", "threads")[1]) == bare)
        status, _, errors = program.end()
        tap.equal((status, errors), (7, ""), f"{name}: ends as it does bare")


def many_cycles(tap, scratch):
    with Program(scratch / "usual", AGENT, bare=True) as program:
        pid = int(program.line(r"^ready (\d+)$")[1])
        wrong = []
        for cycle in range(12):
            attach(program, pid)
            ask(program, f"grow {cycle + 1} 100", "grow")
            found = held(pid, "grow")
            if found != (100 * (cycle + 1), cycle + 1):
                wrong.append((cycle, found))
            detach(pid)
        tap.equal(wrong, [], "twelve times on and off: each counts from zero")


def later_library(tap, scratch):
    source, library = scratch / "plugin.c", scratch / "plugin.so"
    source.write_text(PLUGIN)
    subprocess.run(["cc", "-shared", "-fPIC", "-g", source, "-o", library],
                   check=True)
    with Program(scratch / "usual", AGENT, bare=True) as program:
        pid = int(program.line(r"^ready (\d+)$")[1])
        attach(program, pid)
        ask(program, f"plugin {library} 70", "plugin")
        tap.equal(held(pid, "plugin_grow"), (70 * 555, 70),
                  "a library that is loaded later is followed")


def libraries_come_and_go(tap, scratch):
    """While the agent looks for what was loaded later."""
    libraries = []
    for name in ("one", "two", "three"):
        source, library = scratch / f"{name}.c", scratch / f"{name}.so"
        source.write_text(COMES_AND_GOES.replace("NAME", "go")
                          .replace("NUMBER", str(100 + len(name))))
        subprocess.run(["cc", "-shared", "-fPIC", "-Wl,-z,now,-z,relro",
                        source, "-o", library], check=True)
        libraries.append(library)
    source = scratch / "loads.c"
    source.write_text(LOADS)
    subprocess.run(["cc", source, "-o", scratch / "loads", "-ldl"], check=True)
    run = subprocess.run([scratch / "loads", AGENT, "15000", *libraries],
                         capture_output=True, text=True, timeout=120)
    tap.equal((run.returncode, run.stdout, run.stderr), (0, "done\n", ""),
              "libraries that are loaded and unloaded all the time")


def forks(tap, scratch):
    with Program(scratch / "usual", AGENT, bare=True) as program:
        pid = int(program.line(r"^ready (\d+)$")[1])
        attach(program, pid)
        ask(program, "grow 10 1000", "grow")
        child = int(ask(program, "fork", "fork")[1])
        segment_of(child)
        wait_for("the child's block", lambda: held(child, "grow") ==
                 (10 * 1000 + 12345, 11))
        tap.ok(True, "a child of fork has what it inherited, and its own")
        detach(pid)
        tap.equal(state(child), "running", "and goes on when its parent is "
                                           "left alone")


def asleep(tap, scratch):
    environment = dict(os.environ, LD_PRELOAD=AGENT, HEAPTOP_MODE="dormant")
    with Program(scratch / "usual", AGENT, bare=True,
                 env=environment) as program:
        pid = int(program.line(r"^ready (\d+)$")[1])
        wait_for("the agent to sleep", lambda: state(pid) == "dormant")
        ask(program, "grow 300 100", "grow")
        tap.equal(report(str(pid))["total"]["count"], 0,
                  "asleep: nothing is recorded")
        for cycle in range(3):
            wish(segment_of(pid), ON)
            wait_for("the agent to wake", lambda: state(pid) == "running")
            one_cycle(tap, f"woken, {cycle + 1}", program, pid)
            wish(segment_of(pid), DETACH)
            wait_for("the agent to sleep", lambda: state(pid) == "dormant")
        ask(program, "grow 20 100", "grow")
        status, _, errors = program.end()
        tap.equal((status, errors), (7, ""), "woken: ends as it does bare")


def tracing_wakes(tap, scratch):
    """import heaptop as tracemalloc, in a service that sleeps."""
    script = ("import heaptop; heaptop.start(); kept = bytes(100000); "
              "print(heaptop.get_traced_memory()[0] >= 100000)")
    environment = dict(os.environ, LD_PRELOAD=AGENT, HEAPTOP_MODE="dormant",
                       PYTHONPATH=str(SOURCE / "share" / "python"))
    result = subprocess.run([PYTHON, "-c", script], env=environment, text=True,
                            capture_output=True, stdin=subprocess.DEVNULL)
    tap.equal((result.stdout, result.stderr), ("True\n", ""),
              "a program that wants to trace wakes the agent")


def python(tap, scratch, interpreter, version):
    script = scratch / "kept.py"
    script.write_text(PYTHON_PROGRAM)
    with Program(*interpreter, script, AGENT, bare=True) as program:
        program.line("^ready")
        pid = program.process.pid
        for cycle, count in enumerate((3000, 1000)):
            attach(program, pid)
            size, blocks = map(int, ask(program, f"keep {count}",
                                        "kept").groups())
            found = next((entry for entry in report(str(pid), "--top", ALL)["entries"]
                          if entry["file"] == str(script)
                          and entry["line"] == 5), {})
            # Tracemalloc moves what is born out of a free list to its line;
            # here it stays with the line that allocated the block.
            more = found.get("count", 0) - blocks
            tap.ok(0 <= more <= 4 and
                   0 <= found.get("size", 0) - size <= 64 * more,
                   f"Python {version}, {cycle + 1}: as tracemalloc has it",
                   found, size, blocks)
            detach(pid)
        tap.equal(program.end()[0::2], (0, ""), f"Python {version}: its end")


def main():
    tap = Tap()
    sys.path.insert(0, str(SOURCE / "tests" / "agent" / "py"))
    import pythons
    with workplace() as scratch:
        for name, flags in (("usual", ()), ("lazy", ("-Wl,-z,lazy",)),
                            ("bound at once", ("-Wl,-z,now,-z,relro",)),
                            ("not to be moved", ("-no-pie", "-fno-pic"))):
            tap.part(name, c_program, tap, scratch, name, *flags)
        for part in (many_cycles, later_library, libraries_come_and_go, forks,
                     asleep, tracing_wakes):
            tap.part(part.__name__, part, tap, scratch)
        for found in pythons.found():
            tap.part(f"Python {found.version}", python, tap, scratch,
                     found.command, found.version)
    tap.done()


if __name__ == "__main__":
    main()
