"""Allocates in C that Python called, which C called back, in many ways.

	py_mixed.py TRUTH

Each block has a size of its own. TRUTH gets, as JSON, for each of them what
Python says of its stack: [function, file, line, whether C called it], innermost
first. Runs under any interpreter from 3.6 on.
"""
import asyncio
import contextlib
import ctypes
import functools
import json
import re
import sys
import threading

FIRST_SIZE = 1000000
STEP = 20000  # more than all else that the same stack may keep
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
truth = {}
kept = []
# Whether C is known to call a function, or known not to; else it depends on
# the version.
CALLED_BY_C = {"<module>"}
CALLED_BY_PYTHON = {"take", "take_object", "middle", "inner"}


def from_c(function):
    CALLED_BY_C.add(function.__code__.co_name)
    return function


def from_python(function):
    CALLED_BY_PYTHON.add(function.__code__.co_name)
    return function


def called_by(name):
    if name in CALLED_BY_C:
        return "c"
    return "python" if name in CALLED_BY_PYTHON else "either"


def note(label):
    """The size that the block is to have."""
    size = FIRST_SIZE + STEP * len(truth)
    frame = sys._getframe(1)
    frames = []
    while frame:
        code = frame.f_code
        frames.append([getattr(code, "co_qualname", code.co_name),
                       code.co_filename, frame.f_lineno,
                       called_by(code.co_name)])
        frame = frame.f_back
    truth[size] = {"label": label, "frames": frames}
    return size


def take(label):
    size = note(label)
    kept.append(libc.malloc(size))


def take_object(label):
    size = note(label)
    kept.append(ctypes.pythonapi.PyObject_Malloc(ctypes.c_size_t(size)))


def middle(label):
    inner(label)


def inner(label):
    take(label)


@from_python
def plain():
    take("plain")
    middle("two calls deep")


@from_c
def key(item):
    middle("key of a sort")
    return item


@from_python
def by_sort():
    [1].sort(key=key)


@from_c
def add(one, other):
    take("functools.reduce")
    return one + other


@from_python
def by_reduce():
    functools.reduce(add, [1, 2])


@from_c
def replace(match):
    take("re.sub")
    return match.group()


@from_python
def by_regex():
    re.compile("a").sub(replace, "a")


@from_c
def doubled(item):
    take_object("an object below map")
    return item


@from_python
def by_map():
    list(map(doubled, [1]))


COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


@from_c
def compare(one, other):
    middle("comparison of qsort")
    [1].sort(key=key_inside)
    return 0


@from_c
def key_inside(item):
    take("key inside of a comparison")
    return item


@from_python
def by_qsort():
    array = (ctypes.c_int * 2)(2, 1)
    libc.qsort(array, 2, 4, COMPARE(compare))


@from_c
def key_in_thread(item):
    by_sort()
    return item


def work():
    take("a thread")
    [1].sort(key=key_in_thread)


@from_python
def by_thread():
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def generate():
    take("a generator")
    yield 1
    take("a generator, resumed")
    yield 2


def delegate():
    yield from generate()


@from_python
def by_generator():
    for item in delegate():
        if item == 1:
            middle("between the items of a generator")
    for _ in range(20):  # so that the loop is specialised
        sum(item for item in (1, 2))
    sum(delegate())


async def step(label):
    take(label)
    await asyncio.sleep(0)
    take(label + ", after it waited")


async def tasks():
    await step("a coroutine")
    await asyncio.gather(asyncio.ensure_future(step("a task")))


@from_python
def by_asyncio():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(tasks())
    loop.close()


class Thing:
    @from_c
    def __del__(self):
        take("a finalizer")

    @from_c
    def __getattr__(self, name):
        take("an attribute")
        return name

    def __init__(self):
        take("an initializer")


@from_python
def by_object():
    thing = Thing()
    getattr(thing, "anything")
    del thing


@from_python
def by_exception():
    """What is rare is compiled to where else it does not disturb."""
    for value in (1, "a", None):
        with contextlib.suppress(TypeError, IndexError):
            [][value]
    try:
        raise ValueError("")
    except ValueError:
        take("while an exception is handled")


@from_c
def twice(value):
    take("a function of SQL")
    return 2 * value


def by_sqlite():
    import sqlite3
    connection = sqlite3.connect(":memory:")
    connection.create_function("twice", 1, twice)
    connection.execute("select twice(21)").fetchall()
    connection.close()


@from_c
def of_array(value):
    take("a function of numpy")
    return value


def by_numpy():
    import numpy
    numpy.frompyfunc(of_array, 1, 1)(numpy.arange(1))
    numpy.vectorize(of_array, otypes=[int])(numpy.arange(1))


def in_greenlet():
    take("a greenlet")
    [1].sort(key=key_that_switches)
    take("a greenlet, after it was switched to")


def in_other_greenlet():
    take("another greenlet")
    [1].sort(key=key_that_switches)
    take("another greenlet, after it was switched to")


@from_c
def key_that_switches(item):
    import greenlet
    take("a greenlet below a sort")
    greenlet.getcurrent().parent.switch()
    take("a greenlet below a sort, after it was switched to")
    return item


def by_greenlet():
    import greenlet

    def deeper(depth, function):
        return deeper(depth - 1, function) if depth else function()

    one = greenlet.greenlet(in_greenlet)
    other = greenlet.greenlet(in_other_greenlet)
    deeper(3, one.switch)
    deeper(9, other.switch)
    take("between greenlets")
    one.switch()
    deeper(5, other.switch)


def main():
    missing = []
    plain()
    for function in (by_sort, by_reduce, by_regex, by_map, by_qsort,
                     by_thread, by_generator, by_asyncio, by_object,
                     by_exception, by_sqlite, by_numpy, by_greenlet):
        try:
            function()
        except ImportError as error:
            missing.append("%s: %s" % (function.__name__, error))
    with open(sys.argv[1], "w") as file:
        json.dump({"blocks": truth, "step": STEP, "missing": missing,
                   "version": sys.version_info[:3]}, file)


main()
