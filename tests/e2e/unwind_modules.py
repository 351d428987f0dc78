#!/usr/bin/python3
"""A module is closed and another takes its place: its rules must be gone."""
import shutil
import subprocess
import sys

from drive import ALL, BUILD, Program, Tap, describe, report, profiled_pid, \
    workplace

# The same instructions at the same addresses but for the size of the frame.
MODULE = r"""
__asm__(".text\n.globl through\n.type through, @function\nthrough:\n"
        ".cfi_startproc\n"
        "subq $%(size)d, %%rsp\n"
        ".cfi_def_cfa_offset %(size)d + 8\n"
        "movq %%rdi, %%rax\n"
        "movq %%rsi, %%rdi\n"
        "call *%%rax\n"
        "addq $%(size)d, %%rsp\n"
        ".cfi_def_cfa_offset 8\n"
        "ret\n.cfi_endproc\n.size through, . - through\n");
"""


def build(scratch, name, size):
    source = scratch / f"{name}.c"
    source.write_text(MODULE % {"size": size})
    path = scratch / f"{name}.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", path, source], check=True,
                   timeout=60)
    return path


def check(tap, scratch):
    first = build(scratch, "first", 1000)
    second = build(scratch, "second", 3000)
    program = BUILD / "tests" / "programs" / "reopen"
    with Program(program, first, second) as running:
        where = running.line("^(same|elsewhere)$").group(1)
        if where != "same":
            tap.skip("two modules at one place", "the loader chose others")
            return
        found = report(profiled_pid(), "--group-by", "traceback", "--top", ALL)
        ours = [entry for entry in found["entries"]
                if any(frame["function"] == "allocate"
                       for frame in entry["traceback"])]
        tap.equal(sum(entry["count"] for entry in ours), 300,
                  "every block of both is there")
        names = [[frame["function"] for frame in entry["traceback"]]
                 for entry in ours]
        tap.ok(all("call_module" in frames and "main" in frames
                   for frames in names),
               "every stack leads through the module to main",
               describe(ours))
        modules = {frame["module"].rsplit("/", 1)[-1] for entry in ours
                   for frame in entry["traceback"]}
        tap.ok({"first.so", "second.so"} <= modules,
               "and names the module that was there", modules)
        tap.equal(running.end()[0], 0, "it ends well")


def main():
    tap = Tap()
    if not shutil.which("gcc"):
        tap.skip("modules", "gcc is not installed")
    else:
        with workplace() as scratch:
            tap.part("modules", check, tap, scratch)
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
