"""The agent in this process, found through ctypes."""
import ctypes
import os
import struct

VERSION = 1
NAME = "heaptop-agent.so"
MISSING = ("heaptop's agent is not in this process: start it with "
           "'heaptop run -- python3 app.py', or set LD_PRELOAD as "
           "'heaptop env' says")

# A row of heaptop_trace_take: stack, domain, bytes, count; and a frame of
# heaptop_trace_frames: parent, line, depth, depth in Python, file, function,
# offset. As in src/agent/api.h.
ROW = struct.Struct("=IIQQ")
FRAME = struct.Struct("=IIIIQQQ")

_FUNCTIONS = {
    "version": (ctypes.c_uint32,),
    "start": (ctypes.c_int,),
    "stop": (None,),
    "on": (ctypes.c_int,),
    "live": (ctypes.c_uint64,),
    "peak": (ctypes.c_uint64,),
    "reset_peak": (None,),
    "overhead": (ctypes.c_uint64,),
    "take": (ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32)),
    "drop": (None, ctypes.c_void_p),
    "frames": (None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p),
    "block": (ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint64),
}


def _mapped():
    """Paths of agents that were loaded without making their names global."""
    with open("/proc/self/maps", errors="surrogateescape") as maps:
        return sorted({line.split(None, 5)[5].rstrip("\n") for line in maps
                       if line.rstrip("\n").endswith("/" + NAME)})


def _open(path, mode):
    # PyDLL keeps the GIL, so that nothing is allocated during a call.
    try:
        opened = ctypes.PyDLL(path, mode)
        version = opened.heaptop_trace_version()
    except (OSError, AttributeError):
        return None
    return opened if version == VERSION else None


def _find():
    found = _open(None, ctypes.DEFAULT_MODE)
    for path in () if found else _mapped():
        found = found or _open(path, os.RTLD_NOW | os.RTLD_NOLOAD)
    return found


class _Trace:
    """heaptop_trace_NAME as a function NAME."""

    def __init__(self, found):
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = found["heaptop_trace_" + name]
            function.restype = result
            function.argtypes = arguments
            setattr(self, name, function)


# The library, for whoever asks it something else; None: it is not here.
library = _find()
trace = _Trace(library) if library else None
