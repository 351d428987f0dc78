"""Prints what the agent takes for the interpreter's loop, as hexadecimal
ranges in the file that has it, after that file's name. Needs the shim."""
import ctypes

MAX = 64
INTERPRETER = ctypes.PyDLL(None)


def module_of(address):
    """The name, and how far off its file's addresses the code lies."""
    class Info(ctypes.Structure):
        _fields_ = [("name", ctypes.c_char_p), ("base", ctypes.c_void_p),
                    ("symbol", ctypes.c_char_p), ("at", ctypes.c_void_p)]

    info = Info()
    INTERPRETER.dladdr(ctypes.c_void_p(address), ctypes.byref(info))
    with open("/proc/self/maps") as maps:
        for line in maps:
            span, mode, offset, _, _, *name = line.split()
            low, high = (int(part, 16) for part in span.split("-"))
            if low <= address < high:
                return name[0], info.base, low, high
    raise SystemExit("the loop is nowhere")


def main():
    loop = ctypes.cast(INTERPRETER._PyEval_EvalFrameDefault,
                       ctypes.c_void_p).value
    name, base, low, high = module_of(loop)
    with open(name, "rb") as file:
        kind = file.read(18)[16]
    bias = base if kind == 3 else 0  # ET_DYN
    ranges = (ctypes.c_uint64 * (2 * MAX))()
    count = INTERPRETER.shim_eval(ctypes.c_uint64(low), ctypes.c_uint64(high),
                                  ranges, MAX)
    print(name)
    for i in range(count):
        print("%x %x" % (ranges[2 * i] - bias, ranges[2 * i + 1] - bias))


main()
