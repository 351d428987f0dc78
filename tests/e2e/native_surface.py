#!/usr/bin/python3
"""What the agent shows to the program it is a guest of: names, needs, TLS,
descriptors, and system calls, of which an allocation makes none."""
import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from drive import BUILD, Tap, workplace

AGENT = BUILD / "heaptop-agent.so"

# The functions that glibc documents for malloc replacement, and those that map,
# unload and end, and change users; nothing else but heaptop_*.
HOOKS = {"malloc", "calloc", "realloc", "free", "memalign", "posix_memalign",
         "aligned_alloc", "valloc", "pvalloc", "malloc_usable_size",
         "mmap", "mmap64", "mremap", "munmap", "dlclose", "_exit", "_Exit",
         "setuid", "setgid", "seteuid", "setegid", "setreuid", "setregid",
         "setresuid", "setresgid", "setgroups", "initgroups", "unshare",
         "setns", "prctl"}
# C23's, where the C library has them.
HOOKS |= {name for name in ("free_sized", "free_aligned_sized")
          if hasattr(ctypes.CDLL(None), name)}
# What libraries and modules may call (heaptop.h, api.h), and the injector.
API = {"heaptop_agent_attach", "heaptop_agent_mark", "heaptop_agent_record",
       "heaptop_agent_work", "heaptop_agent_work_one", "heaptop_trace_block",
       "heaptop_trace_drop", "heaptop_trace_frames", "heaptop_trace_live",
       "heaptop_trace_on", "heaptop_trace_overhead", "heaptop_trace_peak",
       "heaptop_trace_reset_peak", "heaptop_trace_start",
       "heaptop_trace_stop", "heaptop_trace_take", "heaptop_trace_version"}
# What must not be called from a guest: its host's locks, streams and locale.
FORBIDDEN = re.compile(
    r"^(Py|_Py|printf|fprintf|snprintf|vsnprintf|f?puts|f?write|f?open|fclose"
    r"|syslog|abort|exit|_exit|__assert_fail|strerror|setlocale|getpw|strdup"
    r"|asprintf|pthread_mutex|pthread_rwlock|pthread_cond|__tls_get_addr"
    r"|__cxa_|_Unwind|unw_|backtrace|__stack_chk_fail)")
# Every shared object's; and what finds a variable of the interpreter's, which
# that has just found in the same way.
ALLOWED = {"__cxa_finalize", "__tls_get_addr"}


def output(*command):
    return subprocess.run(command, text=True, check=True,
                          capture_output=True).stdout


def symbols(*options):
    """Name by kind, without versions."""
    lines = output("nm", "-D", *options, AGENT).splitlines()
    return {line.split()[-1].split("@")[0]: line.split()[-2]
            for line in lines}


def check_names(tap):
    shown = set(symbols("--defined-only"))
    extra = shown - HOOKS - API
    tap.ok(not extra, "nothing is exported but hooks and what api.h has",
           extra)
    missing = (HOOKS | API) - shown
    tap.ok(not missing, "all of that is exported", missing)
    used = set(symbols("--undefined-only"))
    wrong = {name for name in used if FORBIDDEN.match(name)} - ALLOWED
    tap.ok(not wrong, "nothing is called that a guest must not call", wrong)
    tap.ok(not used & HOOKS, "the agent calls no hooked function",
           used & HOOKS)


def check_needs(tap):
    shown = output("readelf", "-dW", AGENT)
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", shown)
    may = ("libc.so.6", "libdl.so.2", "libpthread.so.0",
           "ld-linux-x86-64.so.2")
    tap.ok(needed and all(name in may for name in needed),
           "only the C library is needed", needed)
    versions = re.findall(r"Name: GLIBC_2\.(\d+)",
                          output("readelf", "-VW", AGENT))
    tap.ok(versions and max(map(int, versions)) <= 28,
           "no newer C library than 2.28 is needed", versions)
    tap.ok("TEXTREL" not in shown, "no text is relocated", shown)
    tap.ok("BIND_NOW" in shown, "everything is bound when it is loaded", shown)
    headers = output("readelf", "-lW", AGENT)
    tap.ok(re.search(r"GNU_STACK .* RW ", headers),
           "no executable stack is asked for", headers)


def check_tls(tap):
    """Initial-exec only: other models may call malloc."""
    relocations = output("readelf", "-rW", AGENT)
    dynamic = re.findall(r"R_\w*(?:DTPMOD|DTPOFF|TLSDESC)\w*", relocations)
    tap.ok(not dynamic, "no thread-local variable is found by a call",
           dynamic)
    size = re.search(r"^ *TLS( +0x[0-9a-f]+){3} +0x[0-9a-f]+ +(0x[0-9a-f]+)",
                     output("readelf", "-lW", AGENT), re.M)
    tap.ok(size is None or int(size.group(2), 16) <= 64,
           "at most 64 bytes of a thread are taken", size and size.group(0))


def agent_calls(scratch, events):
    """How many system calls the agent's code makes meanwhile."""
    told = scratch / "told"
    subprocess.run([BUILD / "tests/faults/failing", "0", "heaptop-agent.so",
                    told, "env", f"LD_PRELOAD={AGENT}",
                    BUILD / "tests/faults/exact", "1", str(events), "1"],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   check=True, timeout=300)
    return int(told.read_text().split()[0])


def check_calls(tap):
    """The few that there are begin and end the process, or are the ticker's,
    or make room in tables, which have room after a while."""
    with workplace() as scratch:
        try:
            few, many = (agent_calls(scratch, events)
                         for events in (2000000, 6000000))
        except subprocess.CalledProcessError as error:
            tap.skip("an allocation makes no system call",
                     f"programs cannot be traced here: {error}")
            return
    tap.ok(many - few < 400, "an allocation makes no system call",
           f"{few} in 2,000,000 events, {many} in 6,000,000")


def check_descriptors(tap):
    shown = "import os; print(sorted(os.listdir('/proc/self/fd')), " \
            "os.open('/dev/null', 0))"
    with workplace():
        bare, ours = (subprocess.run(
            [sys.executable, "-c", shown], text=True, capture_output=True,
            env={**os.environ, "HEAPTOP_KEEP": "1", **env}).stdout
            for env in ({}, {"LD_PRELOAD": str(AGENT)}))
    tap.ok(bare and bare == ours, "a program sees no descriptor of it", bare,
           ours)


def main():
    tap = Tap()
    if not Path(AGENT).exists():
        print(f"1..0 # SKIP {AGENT} is not built")
        return 0
    for tool in ("nm", "readelf"):
        if not shutil.which(tool):
            print(f"1..0 # SKIP no {tool} here")
            return 0
    for check in (check_names, check_needs, check_tls, check_calls,
                  check_descriptors):
        tap.part(check.__name__, check, tap)
    tap.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
