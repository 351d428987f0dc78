"""Programs whose blocks two tools count at once: tracemalloc in the process,
heaptop under it. Python 3.6 and later.

    py_exact.py BESIDE NAME NFRAME [moved]

Runs the program NAME in a window, then says "ready PID" and waits for a line:
nothing of the window is freed meanwhile. Then prints as JSON what tracemalloc
had at the window's end and, with a third argument, the blocks that it and
heaptop have at different stacks. The window is what runs below the function
`window`, and whatever threads that starts; BESIDE is py_beside.c, which starts
tracemalloc so that it is not itself counted.

    py_exact.py

Prints the names of the programs that this interpreter has the modules for.
"""
import asyncio
import collections
import ctypes
import gc
import io
import json
import os
import pickle
import re
import struct
import sys
import threading
import time
import types
import _tracemalloc as tracemalloc

try:
    import contextvars
except ImportError:
    contextvars = None
try:
    import decimal
except ImportError:
    decimal = None
try:
    import dataclasses
except ImportError:
    dataclasses = None
try:
    import numpy
except ImportError:
    numpy = None
try:
    import sqlite3
except ImportError:
    sqlite3 = None

PROGRAMS = collections.OrderedDict()
KEPT = []


def program(function, *modules):
    if None not in modules:
        PROGRAMS[function.__name__] = function
    return function


def using(module):
    return lambda function: program(function, module)


@program
def dicts():
    growing = {}
    for i in range(3000):
        growing["key %d" % i] = {i: [i]}
    for i in range(0, 3000, 3):
        del growing["key %d" % i]
    return growing, dict(growing), set(growing), frozenset(range(300))


@program
def lists():
    growing = []
    for i in range(5000):
        growing.append((i, float(i)))
    half = growing[::2]
    half.extend([x] for x in range(100000, 100700))
    del growing[1000:4000]
    half.sort(key=str)
    return growing, half, [[0] * n for n in range(200)]


@program
def strings():
    text = ""
    for i in range(2000):
        text += "line %d \u00e9\u4e2d\n" % i
    parts = text.split("\n")
    wide = "\U0001f40d".join(parts[:500])
    raw = bytearray()
    for i in range(3000):
        raw += b"%d," % i
    return (parts, wide, wide.encode("utf-16"), raw, bytes(raw) * 20,
            [sys.intern("interned %d" % i) for i in range(200)],
            io.StringIO(text), io.BytesIO(raw))


@program
def json_documents():
    document = {"rows": [{"id": i, "name": "n%d" % i, "tags": ["a", str(i)],
                          "share": i / 7, "none": None, "big": 10 ** 20 + i}
                         for i in range(800)]}
    text = json.dumps(document)
    return json.loads(text), json.dumps(document, indent=1), text


@program
def classes():
    class Plain:
        def __init__(self, i):
            self.i = i
            self.next = None

    class Slotted:
        __slots__ = ("a", "b", "__weakref__")

        def __init__(self, a):
            self.a = a
            self.b = str(a)

    class Int(int):
        pass

    Point = collections.namedtuple("Point", "x y z")
    plain = [Plain(i) for i in range(1000)]
    for one, other in zip(plain, plain[1:]):
        one.next = other
    for one in plain[::5]:
        one.extra = [one]  # a cycle
    del plain[::10]
    return (plain, [Slotted(i) for i in range(500)],
            [Int(i) for i in range(300)], [Point(i, i, i) for i in range(300)],
            type("Made", (Plain,), {}), Plain)


@using(dataclasses)
def data_classes():
    made = dataclasses.make_dataclass(
        "Item", [("name", str), ("price", float), ("tags", list)])
    items = [made("item %d" % i, i * 1.5, [i]) for i in range(700)]
    return items, [dataclasses.asdict(item) for item in items[:200]], made


def numbers(n):
    for i in range(n):
        yield i * 1.5


def nested(n):
    yield from numbers(n)
    yield [n]


@program
def generators():
    running = [numbers(n) for n in range(400)]
    kept = [next(g) for g in running[1:]]
    deep = [nested(9) for _ in range(200)]
    for one in deep:
        for _ in range(5):
            next(one)
    return running[::2], kept, deep, list(numbers(500)), map(str, kept)


@program
def threads():
    results = []
    before = len(os.listdir("/proc/self/task"))

    def work(n):
        local = threading.local()
        local.rows = [{n: str(i)} for i in range(300)]
        results.append(local.rows)
        results.append([float(i) for i in range(n)])

    started = [threading.Thread(target=work, args=(100 * n,))
               for n in range(6)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    while len(os.listdir("/proc/self/task")) > before:
        time.sleep(0.001)  # a joined thread has yet to free its state
    return results, threading.Lock(), threading.Condition(), started


@program
def tasks():
    async def child(n, queue):
        await queue.put([n, str(n)])
        await asyncio.sleep(0)
        return {n: await queue.get()}

    async def parent():
        queue = asyncio.Queue()
        return await asyncio.gather(*[child(n, queue) for n in range(200)])

    loop = asyncio.new_event_loop()
    pending = [child(i, None) for i in range(50)]
    try:
        return loop.run_until_complete(parent()), loop, pending
    finally:
        loop.close()


@program
def pickles():
    rows = [{"id": i, "text": "text %d" % i, "nested": [(i, i * 2.5)] * 3,
             "bytes": bytes(i % 50)} for i in range(600)]
    packed = [pickle.dumps(rows, protocol) for protocol in range(5)]
    return packed, [pickle.loads(one) for one in packed[1:]]


@program
def regexes():
    compiled = [re.compile(r"(?P<word>\w+)%d|(\d{%d,})" % (i, i + 1))
                for i in range(40)]
    text = "word1 word2 12345 word3 " * 100
    return (compiled, [one.findall(text) for one in compiled],
            [match for one in compiled[:5] for match in one.finditer(text)],
            re.sub(r"\d", lambda match: match.group() * 2, text))


@using(sqlite3)
def databases():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (i integer, s text, b blob)")
    connection.executemany("insert into t values (?, ?, ?)",
                           ((i, "row %d" % i, bytes(20)) for i in range(900)))
    connection.create_function("twice", 1, lambda x: x * 2)
    return (connection, connection.execute("select * from t").fetchall(),
            connection.execute("select i, twice(i) from t").fetchmany(300))


@using(decimal)
def decimals():
    with decimal.localcontext() as context:
        context.prec = 120
        third = decimal.Decimal(1) / 3
        powers = [third ** n for n in range(1, 300)]
    return powers, [decimal.Decimal(i) for i in range(400)], \
        [hash(p) for p in powers], [10 ** n for n in range(200)]


class Refused(Exception):
    def __init__(self, n):
        super().__init__("refused", n)
        self.detail = [n] * n


def refuse(n, depth):
    if depth:
        return refuse(n, depth - 1)
    try:
        {}["nothing"]
    except KeyError as error:
        raise Refused(n) from error


@program
def exceptions():
    caught = []
    for n in range(150):
        try:
            refuse(n, n % 20)
        except Refused as error:
            caught.append(error)
    for error in caught[::2]:
        error.__traceback__ = None
    return caught


@program
def closures():
    def make(n):
        held = [n]
        return lambda *args, **more: (held, args, more)

    made = [make(i) for i in range(500)]
    return (made, [one(1, 2, x=3) for one in made],
            [one.__call__ for one in made[::2]],
            [exec_compiled(i) for i in range(30)])


def exec_compiled(n):
    names = {}
    exec(compile("def f%d(a, b=%d):\n  return [a, b, %d]\nr = f%d(1)"
                 % (n, n, n + 1000, n), "<made %d>" % n, "exec"), names)
    return names


@program
def resizes():
    """Blocks that grow and shrink, over pymalloc's limit and back."""
    rows = [[] for _ in range(60)]
    for n in range(200):
        for row in rows:
            row.append(n)
    for row in rows[::2]:
        del row[4:]
    for row in rows[::3]:
        row.clear()
        row.append(1)
    grown = [bytearray(n) for n in range(400, 640, 4)]
    for one in grown:
        one.extend(bytes(300))
    for one in grown[::2]:
        del one[100:]
    return rows, grown


@program
def fallbacks():
    """Too large for pymalloc, which asks malloc in turn."""
    return ([bytes(513 + n) for n in range(300)],
            [bytearray(1 << n) for n in range(8, 22)],
            [list(range(n)) for n in range(50, 400, 7)])


@program
def arenas():
    """Enough small ones for many arenas, most of them gone again."""
    many = [bytes(300) for _ in range(20000)]
    del many[500:]
    return many


@using(numpy)
def arrays():
    """numpy tells tracemalloc of its data in a domain of its own."""
    table = numpy.arange(50000, dtype="f8").reshape(500, 100)
    return (table, table * 2, table.T.copy(), table.astype(int).tolist(),
            numpy.array(["a", "bcd"]), [numpy.zeros(n) for n in range(300)],
            numpy.array([{n: n} for n in range(200)], dtype=object))


class Frame(ctypes.Structure):
    _fields_ = [("parent", ctypes.c_uint32), ("line", ctypes.c_uint32),
                ("depth", ctypes.c_uint32), ("python", ctypes.c_uint32),
                ("file", ctypes.c_char_p), ("function", ctypes.c_char_p),
                ("offset", ctypes.c_uint64)]


NOTES = 1 << 18
NOTE = struct.Struct("QQ")  # block, size
NO_GIL = "t" in sys.abiflags
GC_HEADER = 0 if NO_GIL else 16
OB_TYPE = 24 if NO_GIL else 8
OB_SIZE = OB_TYPE + 8
TUPLES = 20  # longer ones are not kept


def kept_types():
    """Types whose memory CPython keeps for the next object, 3.8 to 3.12 and
    where there is no GIL: their addresses, with the bytes that lie before an
    object."""
    kept = {float: 0, list: GC_HEADER, dict: GC_HEADER, tuple: GC_HEADER,
            slice: GC_HEADER, types.FrameType: GC_HEADER,
            types.MethodType: GC_HEADER, types.BuiltinFunctionType: GC_HEADER,
            contextvars.Context: GC_HEADER}
    if sys.version_info >= (3, 14):
        kept.update({int: 0, range: 0, type(iter([])): GC_HEADER,
                     type(iter(())): GC_HEADER})
    return {id(one): (one, before) for one, before in kept.items()}


def word(address):
    return ctypes.c_uint64.from_address(address).value


def kept_type(block, size, kept):
    """The name of the type whose object a block is, if that has a free list."""
    for before in (0, GC_HEADER):
        if size < before + OB_TYPE + 8:
            continue
        found, wanted = kept.get(word(block + before + OB_TYPE),
                                  (None, None))
        if wanted != before:
            continue
        if found is tuple and word(block + before + OB_SIZE) > TUPLES:
            continue
        return found.__name__
    return None


def heaptop_stack(agent, number, nframe):
    frames = []
    while number and len(frames) < nframe:
        frame = Frame()
        agent.heaptop_trace_frames(ctypes.byref(ctypes.c_uint32(number)), 1,
                                   ctypes.byref(frame))
        if frame.function is not None:
            frames.append((os.fsdecode(frame.file), frame.line))
        number = frame.parent
    return tuple(frames) or (("<unknown>", 0),)


def moved(beside, nframe):
    """[type, size, heaptop's stack, tracemalloc's] of the blocks at which they
    differ."""
    agent = ctypes.CDLL(None)
    python = ctypes.PyDLL(None)
    traceback = python._PyTraceMalloc_GetTraceback
    traceback.restype = ctypes.py_object
    traceback.argtypes = [ctypes.c_uint, ctypes.c_size_t]
    notes = bytes((ctypes.c_char * (NOTES * NOTE.size)).in_dll(
        beside, "beside_notes"))
    kept = kept_types()
    found = []
    stacks = {}
    for block, size in NOTE.iter_unpack(notes):
        number = block and agent.heaptop_trace_block(
            ctypes.c_void_p(block), ctypes.c_uint64(0))
        theirs = number and traceback(0, block)
        if not theirs:
            continue  # not of the window
        if number not in stacks:
            stacks[number] = heaptop_stack(agent, number, nframe)
        if stacks[number] != theirs:
            found.append([kept_type(block, size, kept), size, stacks[number],
                          theirs])
    return found


def look(beside, function, nframe, ask):
    beside = ctypes.PyDLL(beside)
    start = beside.beside_start
    start.argtypes = [ctypes.py_object, ctypes.c_int]
    ready = b"ready %d\n" % os.getpid()
    # Looked up now: a look-up while both look on may free a name, the last
    # that the cache of attributes held.
    write, read, get_traces = os.write, os.read, tracemalloc._get_traces
    gc.collect()  # what waits to be born again is from before
    start(tracemalloc.start, nframe)
    window(function)
    write(1, ready)
    read(0, 1)
    traces = get_traces()
    different = moved(beside, nframe) if ask else []
    tracemalloc.stop()
    return summed(traces), different


def window(function):
    KEPT.append(function())
    gc.collect()


def summed(traces):
    found = collections.Counter()
    for domain, size, frames, *_ in traces:
        if domain == 0:
            found[frames, size] += 1
    return [[frames, size, count] for (frames, size), count in found.items()]


def main():
    if len(sys.argv) == 1:
        print(*PROGRAMS)
        return
    beside, name, nframe = sys.argv[1], sys.argv[2], int(sys.argv[3])
    json.dump(look(beside, PROGRAMS[name], nframe, len(sys.argv) > 4),
              sys.stdout)


if __name__ == "__main__":
    main()
