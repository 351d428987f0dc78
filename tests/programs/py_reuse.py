"""py_reuse.py SIZE: makes functions that live shortly, each of which allocates blocks that stay.

Code objects come to lie where others were, with the same instructions: only
their names differ, and where their lines end. Function made_<i> of file <i>.py
keeps one block of SIZE + i bytes of its own, made deep in a recursion. Prints
how many addresses were used again.
"""
import gc
import sys

COUNT, DEPTH = 400, 6
SIZE = int(sys.argv[1])
BETWEEN = ["; ", "\n    "]
SOURCE = """
def made_{0}(kept, size, depth):
    if depth:
        return made_{0}(kept, size, depth - 1)
    depth = size{1}kept[size] = bytes(size)
"""


def main():
    header = sys.getsizeof(b"")
    gc.disable()  # a collection may allocate, wherever it happens to run
    kept, addresses = [None] * (SIZE + COUNT), set()
    for i in range(COUNT):
        names = {}
        code = compile(SOURCE.format(i, BETWEEN[i % 2]), "%d.py" % i, "exec")
        exec(code, names)
        made = names.pop("made_%d" % i)
        made.__globals__["made_%d" % i] = made
        made(kept, SIZE + i - header, DEPTH)
        addresses.add(id(made.__code__))
        names.clear()
        del code, made, names
        if i % 10 == 0:
            gc.collect()  # which is what frees them in free-threaded builds
    print("%d used again" % (COUNT - len(addresses)), flush=True)
    sys.stdin.readline()


main()
