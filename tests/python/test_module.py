"""The module's answers beside tracemalloc's, and what is its own; with the
agent, sampled, and without it."""
import kit

CASES = (("exact", {}), ("sampled", {"HEAPTOP_MODE": "sample:20000"}),
         ("without", {"agent": False}))


def main():
    some = kit.found()
    tap = kit.pythons.Tap(len(some) * len(CASES))
    for python in some:
        for case, settings in CASES:
            done = kit.run(python, "py_module.py", case, **settings)
            tap.point(done.returncode == 0,
                      "%s: %s" % (python.version, case), done.stdout)
    tap.end()


main()
