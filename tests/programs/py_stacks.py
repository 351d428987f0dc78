"""Compares every stack that the Python room walks with sys._getframe().

Runs under any interpreter from 3.6 on, with the shim preloaded. Exit status 0
when all agree; each difference is printed.
"""
import ctypes
import functools
import gc
import os
import re
import sys
import threading

WORDS = 300
INTERPRETER = ctypes.PyDLL(None)
DETACHED = ctypes.CDLL(None)
if "--attach" in getattr(sys, "argv", ()):
    INTERPRETER.shim_setup()
MODES = ((INTERPRETER, 1), (INTERPRETER, 0), (DETACHED, 0))
if os.environ.get("SHIM_SUB") and sys.version_info < (3, 12):
    # Without the GIL, the thread only tells the main interpreter's frames.
    MODES = MODES[:1]
words = threading.local()
failures = []
checks = 0


def text(value):
    return re.sub("[\0\ud800-\udfff]", "\ufffd", value)


def name_of(code):
    return text(getattr(code, "co_qualname", code.co_name))


def describe(ident, word):
    buffer = ctypes.create_string_buffer(16384)
    INTERPRETER.shim_name(ident, ctypes.c_uint64(word), buffer, 16384)
    parts = buffer.value.decode("utf-8").split("\n")
    return parts[0], parts[1], int(parts[2]), int(parts[3])


def walk(library, gil):
    if not hasattr(words, "array"):
        words.array = (ctypes.c_uint64 * WORDS)()
    count = library.shim_walk(words.array, WORDS, gil)
    if count < 0:
        failures.append("walk was cut")
    found = [words.array[i] for i in range(count & 0x7fffffff)]
    return [(INTERPRETER.shim_intern(ctypes.c_uint64(w)), w) for w in found]


def check(label, *ignored, **also_ignored):
    global checks
    expected = []
    frame = sys._getframe(1)
    while frame:
        code = frame.f_code
        expected.append((text(code.co_filename), name_of(code),
                         frame.f_lineno or 0, code.co_firstlineno))
        frame = frame.f_back
    for library, gil in MODES:
        found = [describe(*frame) for frame in walk(library, gil)][2:]
        checks += 1
        if found != expected:
            failures.append("%s (gil %d):\n  found    %r\n  expected %r"
                            % (label, gil, found[:6], expected[:6]))
    return 0


def recursion(depth):
    if depth:
        return recursion(depth - 1)
    return check("recursion")


class Thing:
    def __init__(self, value, loud=False):
        self.value = value
        if loud:
            check("__init__")

    @property
    def prop(self):
        return check("property")

    def __del__(self):
        if self.value == "loud":
            check("__del__")

    def __lt__(self, other):
        check("__lt__")
        return False

    def __enter__(self):
        check("__enter__")
        return self

    def __exit__(self, *details):
        check("__exit__")

    @staticmethod
    def static():
        return check("static")

    @classmethod
    def klass(cls):
        return check("class method")

    body = check("class body")


def specialised():
    for i in range(300):
        Thing(i, i == 299)


def generator():
    yield check("generator")
    received = yield 1
    yield from inner_generator()
    check("generator again", received)


def inner_generator():
    check("inner generator")
    yield 2
    check("inner generator again")


async def coroutine():
    check("coroutine")
    await other_coroutine()
    async for _ in async_generator():
        check("async for")


async def other_coroutine():
    check("awaited")


async def async_generator():
    check("async generator")
    yield 1
    check("async generator again")


def drive(coro):
    try:
        while True:
            coro.send(None)
    except StopIteration:
        pass


def comprehensions():
    [check("list comprehension") for _ in range(2)]
    {check("set comprehension") for _ in range(2)}
    {i: check("dict comprehension") for i in range(2)}
    list(check("generator expression") for _ in range(2))


def callbacks():
    sorted([2, 1], key=lambda value: check("sort key"))
    sorted([Thing(2), Thing(1)])
    list(map(lambda value: check("map"), [1]))
    functools.reduce(lambda a, b: check("reduce"), [1, 2, 3])
    re.sub("a", lambda match: str(check("re.sub")), "banana")
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

    def compare(a, b):
        return check("ctypes callback")
    array = (ctypes.c_int * 3)(3, 2, 1)
    INTERPRETER.qsort(array, ctypes.c_size_t(3), ctypes.c_size_t(4),
                      kind(compare))


def multi_line():
    return check(
        "multi-line call",
        len([
            1,
            check("inside"),
        ]),
        last=check("last"),
    )


def flow():
    for i in range(3):
        try:
            if i == 1:
                raise ValueError(check("raising"))
        except ValueError:
            check("except")
        else:
            check("else")
        finally:
            check("finally")
    with Thing(1):
        check("with")


def many_cells():
    a = b = c = d = e = f = g = h = 1

    def inside():
        check("closure")
        return a, b, c, d, e, f, g, h
    check("cells")
    return inside()


def traced():
    def tracer(frame, event, argument):
        return tracer
    old = sys.gettrace()
    sys.settrace(tracer)
    try:
        check("settrace")
        recursion(3)
    finally:
        sys.settrace(old)


def file_names():
    for name in ("plain", "latin1-\xe9\xe8", "ucs2-\u4e2d\u6587",
                 "ucs4-\U0001f40d", "lone-\udc80", "e\u0301"):
        source = "\n" * 300 + "def f_%s():\n\n\n  check(%r)\nf_%s()\n"
        word = "x" + "".join(c for c in name if c.isalpha())
        code = compile(source % (word, name, word), name, "exec")
        exec(code, {"check": check})


def far_lines():
    source = "def far():\n" + "  x = 1\n" * 3000 + "  check('far')\nfar()\n"
    exec(compile(source, "far.py", "exec"), {"check": check})
    source = "def gap():\n  x = 1\n" + "\n" * 70000 + "  check('gap')\ngap()\n"
    exec(compile(source, "gap.py", "exec"), {"check": check})


def short_lived():
    before = INTERPRETER.shim_epoch()
    for i in range(400):
        source = "def made_%d():\n  check('made')\nmade_%d()\n" % (i, i)
        exec(compile(source, "made-%d.py" % i, "exec"), {"check": check})
    gc.collect()  # which is what frees them in free-threaded builds
    if INTERPRETER.shim_epoch() - before < 300:
        failures.append("code objects are freed unseen")


def same_source():
    held = INTERPRETER.shim_held()
    for _ in range(3000):
        exec(compile("def same():\n  walk(library, 1)\nsame()\n", "same.py",
                     "exec"), {"walk": walk, "library": INTERPRETER})
    if INTERPRETER.shim_held() - held > 1 << 20:
        failures.append("code compiled again and again is kept each time")


def threads():
    stop = threading.Event()

    def work(number):
        for _ in range(20):
            recursion(number)
            comprehensions()

    def burn():
        while not stop.is_set():
            sum(range(100))
    burner = threading.Thread(target=burn)
    burner.start()
    others = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    stop.set()
    burner.join()


def forked():
    child = os.fork()
    if child == 0:
        recursion(5)
        sys.stdout.write("\n".join(failures))
        sys.stdout.flush()
        os._exit(1 if failures else 0)
    if os.waitpid(child, 0)[1]:
        failures.append("in a forked child")


def subinterpreter():
    """One on the same thread, which runs part of this file."""
    os.environ["SHIM_SUB"] = "1"
    script = """import ctypes, sys
sys.path.insert(0, %r)
sys.dont_write_bytecode = True
import py_stacks
py_stacks.recursion(5)
py_stacks.comprehensions()
list(py_stacks.generator())
for failure in py_stacks.failures:
    print(failure)
ctypes.PyDLL(None).shim_note(py_stacks.checks if not py_stacks.failures else 0)
"""
    script %= os.path.dirname(os.path.abspath(__file__))
    if INTERPRETER.shim_subinterpreter(script.encode()) < 10:
        failures.append("in a subinterpreter")


def everything():
    recursion(0)
    recursion(60)
    Thing(1).prop
    Thing.static()
    Thing.klass()
    Thing("loud")
    specialised()
    list(generator())
    drive(coroutine())
    comprehensions()
    callbacks()
    multi_line()
    flow()
    many_cells()
    (lambda: check("lambda"))()
    traced()
    file_names()
    far_lines()
    short_lived()
    same_source()
    threads()
    forked()
    subinterpreter()


if __name__ == "__main__":
    everything()
    if INTERPRETER.shim_differ():
        failures.append("the two ways to walk do not agree")
    print("%d stacks compared, %d differ" % (checks, len(failures)))
    for failure in failures[:10]:
        print(failure)
    sys.exit(1 if failures else 0)
