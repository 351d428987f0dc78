"""A program whose code, files, types and marks have names nobody would choose.

Each name holds blocks, so that it is in every list. Says "ready" and waits for
the end of its input.
"""
import ctypes
import sys

NAMES = [
    "\x1b]0;PWN\x07", "\x1b[31;5mPWN\x1b[2J", "\x1bP+q544e\x1b\\PWN",
    "\x9b31mPWN\x9d0;PWN\x9c", "\u202ePWN\u2066", "\u200bPWN\ufeff\u00ad",
    "PWN\nPWN\rPWN\tPWN\x08\x7f", "\udcff\udc9bPWN", "\U000e0041PWN\u2028",
    "%s%n%x%99999dPWN", "PWN" * 2000, "日本語" * 400, "e\u0301" * 600,
    "</script>\"'`$(PWN)", "PWN: PWN:1: size=1 B", "",
]
SOURCE = "def call(count, kind):\n" \
         "    return [kind() for _ in range(count)]\n"


def renamed(code, name):
    inner = tuple(renamed(part, name) if hasattr(part, "co_code") else part
                  for part in code.co_consts)
    changes = {"co_name": name, "co_filename": name, "co_consts": inner}
    if hasattr(code, "co_qualname"):
        changes["co_qualname"] = name
    return code.replace(**changes)


def function(name):
    scope = {}
    exec(compile(SOURCE, "plain", "exec"), scope)
    call = scope["call"]
    call.__code__ = renamed(call.__code__, name)
    return call


def main():
    keep = []
    for name in NAMES:
        kind = type(name.encode("utf-8", "replace").decode(), (), {})
        keep.append(function(name)(2000, kind))
    for library in sys.argv[1:]:
        grab = ctypes.CDLL(library)
        grab.grab.restype = ctypes.c_void_p
        keep.append(grab.grab())
    try:
        import heaptop
        for name in NAMES:
            heaptop.mark(name.encode("utf-8", "replace").decode())
    except ImportError:
        pass
    print("ready", flush=True)
    sys.stdin.read()


main()
