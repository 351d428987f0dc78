#!/usr/bin/python3
"""What the agent shows to the program it is a guest of: names, needs, TLS."""
import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

from drive import BUILD, Tap

AGENT = BUILD / "heaptop-agent.so"

# The functions that glibc documents for malloc replacement, and those that map,
# unload and end, and change users; nothing else but heaptop_*.
HOOKS = {"malloc", "calloc", "realloc", "free", "memalign", "posix_memalign",
         "aligned_alloc", "valloc", "pvalloc", "malloc_usable_size",
         "mmap", "mmap64", "mremap", "munmap", "dlclose", "_exit", "_Exit",
         "setuid", "setgid", "seteuid", "setegid", "setreuid", "setregid",
         "setresuid", "setresgid", "setgroups", "initgroups", "unshare",
         "setns"}
# C23's, where the C library has them.
HOOKS |= {name for name in ("free_sized", "free_aligned_sized")
          if hasattr(ctypes.CDLL(None), name)}
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
    extra = {name for name in shown - HOOKS
             if not name.startswith("heaptop_")}
    tap.ok(not extra, "nothing is exported but hooks and heaptop_*", extra)
    tap.ok(not HOOKS - shown, "every hook is exported", HOOKS - shown)
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


def main():
    tap = Tap()
    if not Path(AGENT).exists():
        print(f"1..0 # SKIP {AGENT} is not built")
        return 0
    for tool in ("nm", "readelf"):
        if not shutil.which(tool):
            print(f"1..0 # SKIP no {tool} here")
            return 0
    for check in (check_names, check_needs, check_tls):
        tap.part(check.__name__, check, tap)
    tap.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
