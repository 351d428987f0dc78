"""Compares the blocks that the hooks see with tracemalloc's.

Runs under any interpreter from 3.6 on, with the shim preloaded, under any
PYTHONMALLOC. Exit status 0 when all agree; each difference is printed.
"""
import _tracemalloc
import collections
import ctypes
import json
import sys
import threading
import tracemalloc

API = ctypes.pythonapi
SHIM = ctypes.PyDLL(None)
RAW, MEM, OBJ = 1, 2, 3  # enum wire_domain
failures = []


class Totals(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint64), ("blocks", ctypes.c_uint64),
                ("events", ctypes.c_uint64 * 16), ("frames", ctypes.c_uint64),
                ("lost", ctypes.c_uint64 * 64), ("differ", ctypes.c_uint64),
                ("walked", ctypes.c_uint64), ("same", ctypes.c_uint64)]


def totals():
    now = Totals()
    SHIM.shim_totals(ctypes.byref(now))
    return now


def expect(what, found, expected):
    if found != expected:
        failures.append("%s: %r, expected %r" % (what, found, expected))


def function(name):
    made = getattr(API, name)
    made.restype = ctypes.c_void_p
    return made


SHIM.shim_size.restype = ctypes.c_int64


def size_of(address):
    return SHIM.shim_size(ctypes.c_uint64(address))


def domains():
    for domain, prefix in ((RAW, "PyMem_Raw"), (MEM, "PyMem_"),
                           (OBJ, "PyObject_")):
        malloc = function(prefix + "Malloc")
        calloc = function(prefix + "Calloc")
        realloc = function(prefix + "Realloc")
        free = function(prefix + "Free")
        for size in (0, 24, 100000):
            amount = ctypes.c_size_t(size)
            before = totals()
            blocks = [malloc(amount), calloc(ctypes.c_size_t(1), amount),
                      realloc(None, amount)]
            seen = totals().events[domain] - before.events[domain]
            if seen < 3:
                failures.append("%s of %d: %d of 3 seen"
                                % (prefix, size, seen))
            for block in blocks:
                expect(prefix, size_of(block), size)
                moved = realloc(ctypes.c_void_p(block),
                                ctypes.c_size_t(size + 600))
                expect(prefix + "Realloc", size_of(moved), size + 600)
                free(ctypes.c_void_p(moved))
                if size > 512:  # small ones are given out again at once
                    expect(prefix + "Free", size_of(moved), -1)
                free(None)


def failed_realloc():
    malloc, realloc = function("PyObject_Malloc"), function("PyObject_Realloc")
    block = malloc(ctypes.c_size_t(40))
    moved = realloc(ctypes.c_void_p(block), ctypes.c_size_t((1 << 62) + 1))
    expect("impossible realloc", moved, None)
    expect("after it", size_of(block), 40)
    function("PyObject_Free")(ctypes.c_void_p(block))


class Node(object):
    def __init__(self, depth):
        self.children = [Node(depth - 1) for _ in range(3)] if depth else []
        self.name = "node %d" % depth


def workloads():
    kept = []
    kept.append([float(i) for i in range(3000)])
    kept.append({i: str(i) for i in range(3000)})
    kept.append(json.loads(json.dumps([{"a": i, "b": [i] * 5}
                                       for i in range(800)])))
    kept.append(Node(6))
    kept.append(collections.deque(range(5000)))
    kept.append([bytes(1000) for _ in range(100)] + [bytearray(100000)])
    kept.append((i for i in range(10)))
    grown = []
    for i in range(20000):
        grown.append(i)
    kept.append(grown)
    threads = [threading.Thread(target=lambda: kept.append(Node(4)))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept[1].clear()
    del kept[2]
    return kept


TRACE_SIZE = 16  # of tracemalloc's own entry, from 3.9 in the raw domain
TRACEBACK_SIZE = 24  # one a new traceback of one frame
TRACEBACKS = 300
ODD_BLOCKS = 20  # born or freed between the two views
BLOCKS_MAX = 400000


def same_blocks():
    """Both look at the same blocks from here on, but the shim, being below,
    sees tracemalloc's own as well."""
    sizes = (ctypes.c_uint64 * BLOCKS_MAX)()
    tracemalloc.start()
    tracemalloc.clear_traces()
    SHIM.shim_reset()
    if sys.version_info >= (3, 9):
        SHIM.shim_ignore(RAW, TRACE_SIZE)
    kept = workloads()
    count = SHIM.shim_sizes(sizes, BLOCKS_MAX)
    traces = _tracemalloc._get_traces()
    tracemalloc.stop()
    ours = collections.Counter(sizes[i] for i in range(count))
    theirs = collections.Counter(trace[1] for trace in traces)
    apart = {size: ours[size] - theirs[size] for size in set(ours) | set(theirs)
             if ours[size] != theirs[size]}
    if count < 20000 or not kept:
        failures.append("only %d blocks compared" % count)
    odd = sum(abs(number) for size, number in apart.items()
              if size != TRACEBACK_SIZE)
    if odd > ODD_BLOCKS or not 0 <= apart.get(TRACEBACK_SIZE, 0) <= TRACEBACKS:
        failures.append("blocks beside tracemalloc's: {size: number} %r"
                        % (apart,))


def leaf(i):
    return bytes(100 + i)


def through(depth, i):
    if depth:
        return through(depth - 1, i)
    return [leaf(i), str(i) * 40, bytearray(i + 1)][i % 3]


def stack_of(block):
    buffer = ctypes.create_string_buffer(16384)
    frames = []
    while SHIM.shim_block(ctypes.c_uint64(block), len(frames), buffer,
                          16384) >= 0:
        parts = buffer.value.decode("utf-8").split("\n")
        frames.append((parts[0], int(parts[2])))
    return frames


def same_stacks():
    tracemalloc.start(40)
    made = [through(i % 12, i) for i in range(300)]
    made += list(map(leaf, range(50)))
    made += sorted([bytes(i + 50) for i in range(20)], key=lambda b: leaf(1))
    compared = 0
    for item in made:
        trace = tracemalloc.get_object_traceback(item)
        if trace is None or isinstance(item, bytearray):
            continue
        expected = [(frame.filename, frame.lineno) for frame in trace]
        if sys.version_info >= (3, 7):
            expected.reverse()
        expect("stack of %r" % (type(item),), stack_of(id(item)), expected)
        compared += 1
    if compared < 200:
        failures.append("only %d stacks compared" % compared)
    tracemalloc.stop()


if __name__ == "__main__":
    if "--attach" in sys.argv:
        SHIM.shim_setup()
    tracemalloc.stop()  # PYTHONTRACEMALLOC may have started it
    domains()
    failed_realloc()
    same_stacks()
    same_blocks()
    lost = list(totals().lost)
    expect("losses", lost, [0] * 64)
    expect("walks that differ", totals().differ, 0)
    print("%d differences" % len(failures))
    for failure in failures[:10]:
        print(failure)
    sys.exit(1 if failures else 0)
