"""CPython's own tests of tracemalloc pass with the module in its place. What
is left out, and why, is in tests/programs/py_tracemalloc.py."""
import kit


def main():
    some = kit.found()
    tap = kit.pythons.Tap(len(some))
    for python in some:
        done = kit.run(python, "py_tracemalloc.py")
        if done.returncode == 77:
            tap.skip(python.version, "no test.test_tracemalloc there")
            continue
        ran = [line for line in done.stdout.split("\n")
               if line.startswith("Ran ")]
        tap.point(done.returncode == 0,
                  "%s: %s" % (python.version, "".join(ran)), done.stdout)
    tap.end()


main()
