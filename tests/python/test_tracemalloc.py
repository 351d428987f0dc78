"""CPython's own tests of tracemalloc pass with the module in its place. What
is left out, and why, is in tests/programs/py_tracemalloc.py."""
import kit

FREELISTS = (3, 13)  # the first version that lets heaptop follow them; not
# where there is no GIL: to be told of what is born there stops all threads


def point(tap, python, what, **settings):
    done = kit.run(python, "py_tracemalloc.py", **settings)
    if done.returncode == 77:
        tap.skip(what, "no test.test_tracemalloc there")
        return
    ran = [line for line in done.stdout.split("\n")
           if line.startswith("Ran ")]
    tap.point(done.returncode == 0, "%s: %s" % (what, "".join(ran)),
              done.stdout)


def main():
    some = kit.found()
    follows = [python for python in some
               if python.key >= FREELISTS and not python.free_threaded]
    tap = kit.pythons.Tap(len(some) + len(follows))
    for python in some:
        point(tap, python, python.version)
    for python in follows:
        point(tap, python, python.version + " with --freelists",
              HEAPTOP_FREELISTS="1")
    tap.end()


main()
