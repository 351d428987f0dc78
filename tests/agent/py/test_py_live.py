"""Runs the programs that compare the Python room with the interpreter's own
view, under every interpreter of the machine and every way to allocate."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import pythons  # noqa: E402

PROGRAMS = os.path.join(pythons.SOURCE, "tests/programs")
STACKS = os.path.join(PROGRAMS, "py_stacks.py")
HOOKS = os.path.join(PROGRAMS, "py_hooks.py")
# What start-up does to allocators that are there before it.
MODES = [
    ("as it comes", {}, []),
    ("isolated", {}, ["-I"]),
    ("development mode", {}, ["-X", "dev"]),
    ("PYTHONMALLOC=debug", {"PYTHONMALLOC": "debug"}, []),
    ("PYTHONMALLOC=malloc", {"PYTHONMALLOC": "malloc"}, []),
    ("PYTHONMALLOC=pymalloc", {"PYTHONMALLOC": "pymalloc"}, []),
    ("tracemalloc from the start", {"PYTHONTRACEMALLOC": "5"}, []),
]


def refuses(python, settings):
    """Free-threaded builds have their own allocator and no other."""
    return (python.free_threaded and
            settings.get("PYTHONMALLOC") in ("malloc", "pymalloc"))


def main():
    found = pythons.found()
    if not found:
        pythons.skip_all("no Python 3.6 or later on this machine")
    tap = pythons.Tap(len(found) * (len(MODES) + 3))

    def run(python, what, arguments, **settings):
        done = python.run(arguments, **settings)
        tap.point(done.returncode == 0, "%s, %s" % (python.version, what),
                  "exit status %d\n%s" % (done.returncode, done.stdout))

    for python in found:
        run(python, "stacks", [STACKS])
        for what, settings, options in MODES:
            if refuses(python, settings):
                tap.skip("%s, blocks, %s" % (python.version, what),
                         "this build refuses to start so")
                continue
            run(python, "blocks, " + what, options + [HOOKS], **settings)
        run(python, "stacks, hooked while it runs", [STACKS, "--attach"],
            SHIM_LATE="1")
        run(python, "blocks, hooked while it runs", [HOOKS, "--attach"],
            SHIM_LATE="1")
    tap.end()


main()
