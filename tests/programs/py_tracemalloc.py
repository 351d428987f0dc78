"""CPython's own test_tracemalloc, with heaptop in place of tracemalloc.

Prints a line for each test that was left out, and why; then what unittest
says of the others. Exit status 77: this interpreter has no such tests.
"""
import linecache
import os
import sys
import unittest

import heaptop

# Regular expressions would hide a new test: each name is written out. What is
# in a class is left out with it.
LEFT_OUT = {
    "TestCommandLine":
        "is about PYTHONTRACEMALLOC and -X tracemalloc, which start "
        "tracemalloc itself",
    "TestCAPI":
        "is about PyTraceMalloc_Track, by which extensions tell tracemalloc "
        "of blocks that no allocator hook sees",
    "TestTracemallocEnabled.test_new_reference":
        "is about an object from a free list, which tracemalloc charges to "
        "the line that takes it from there, and heaptop to the line that "
        "allocated its block, unless --freelists was asked for",
}
if os.environ.get("HEAPTOP_FREELISTS"):
    del LEFT_OUT["TestTracemallocEnabled.test_new_reference"]
DEPTH = 20  # test_snapshot expects stacks as deep as those of python -m test


def tests_in(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_in(test)
        else:
            yield test


def why_left_out(test):
    group, name = test.id().split(".")[-2:]
    return LEFT_OUT.get(group) or LEFT_OUT.get(group + "." + name)


def run_deep(suite, depth):
    if depth:
        return run_deep(suite, depth - 1)
    return unittest.TextTestRunner(stream=sys.stdout).run(suite)


def main():
    # A test replaces tracemalloc.linecache.getline.
    heaptop.linecache = linecache
    sys.modules["tracemalloc"] = heaptop
    try:
        from test import test_tracemalloc
    except ImportError as error:
        print(error)
        return 77
    assert test_tracemalloc.tracemalloc is heaptop
    wanted = unittest.TestSuite()
    for test in tests_in(
            unittest.defaultTestLoader.loadTestsFromModule(test_tracemalloc)):
        why = why_left_out(test)
        if why:
            print("%s %s" % (".".join(test.id().split(".")[-2:]), why))
        else:
            wanted.addTest(test)
    result = run_deep(wanted, DEPTH)
    return 0 if result.wasSuccessful() and result.testsRun > 25 else 1


if __name__ == "__main__":
    sys.exit(main())
