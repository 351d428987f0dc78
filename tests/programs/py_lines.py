"""Compares line, file and name of every instruction of part of the standard
library with what the interpreter says: its own function, called for every
instruction, and what its table of lines says to programs, co_lines() or before
3.10 dis.findlinestarts(). Runs with the shim preloaded.

Usage: py_lines.py STEP, to take one file of STEP.
"""
import ctypes
import dis
import os
import sys
import types

API = ctypes.pythonapi
SHIM = ctypes.PyDLL(None)
ADDR2LINE = ctypes.cast(API.PyCode_Addr2Line, ctypes.c_void_p)

SHIM_WORD = SHIM.shim_word
SHIM_WORD.restype = ctypes.c_uint64
SHIM_WORD.argtypes = [ctypes.c_uint64, ctypes.c_int64]


def files(step):
    top = os.path.dirname(os.__file__)
    found = []
    for directory, subdirectories, names in os.walk(top):
        subdirectories.sort()
        if "site-packages" not in directory and "dist-packages" not in directory:
            found += [os.path.join(directory, name) for name in sorted(names)
                      if name.endswith(".py") and
                      os.path.isfile(os.path.join(directory, name))]
    return found[::step]


def codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            for inner in codes(constant):
                yield inner


def names_differ(code):
    buffer = ctypes.create_string_buffer(16384)
    word = SHIM_WORD(id(code), 0)
    SHIM.shim_name(SHIM.shim_intern(ctypes.c_uint64(word)),
                   ctypes.c_uint64(word), buffer, 16384)
    found = buffer.value.decode("utf-8").split("\n")
    name = getattr(code, "co_qualname", code.co_name)
    return (found[0] != code.co_filename or found[1] != name or
            int(found[3]) != code.co_firstlineno)


def starts(code):
    """[(offset, line)] of where a line starts; 0: none."""
    if hasattr(code, "co_lines"):
        return [(start, line or 0) for start, end, line in code.co_lines()
                if start < end]
    return list(dis.findlinestarts(code))


def starts_differ(code):
    found = starts(code)
    offsets = (ctypes.c_int * len(found))(*[start for start, _ in found])
    lines = (ctypes.c_uint32 * len(found))()
    SHIM.shim_lines_at(ctypes.py_object(code), offsets, lines, len(found))
    return sum(lines[i] != line for i, (_, line) in enumerate(found))


def main():
    objects = instructions = differ = 0
    for path in files(int(sys.argv[1])):
        try:
            with open(path, "rb") as file:
                code = compile(file.read(), path, "exec")
        except (SyntaxError, ValueError):
            continue
        for inner in codes(code):
            size = len(inner.co_code)
            wrong = SHIM.shim_lines(ctypes.py_object(inner), ADDR2LINE, size)
            wrong += names_differ(inner) + starts_differ(inner)
            objects += 1
            instructions += size // 2
            if wrong:
                print("%s: %r: %d differ" % (path, inner, wrong))
                differ += wrong
    print("%d code objects, %d instructions, %d differ"
          % (objects, instructions, differ))
    sys.exit(1 if differ or not objects else 0)


main()
