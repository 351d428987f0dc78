"""Reads a segment by heaptop-wire(5): totals site by site, with no symbols
looked up, so that a test can read very many."""
import collections
import ctypes
import mmap
import os
import struct

from drive import Failed, wait_for

PAGE = 4096
CONTROL, TURN, STATUS = PAGE, 2 * PAGE, 3 * PAGE
LOST, EXTENTS, RECORD_BYTES = 128, 1152, 1920
SYS_FUTEX, FUTEX_WAKE = 202, 1
RECORD_SITE = 1
STRING, MODULE, NATIVE, PYTHON, STACK = range(1, 6)
LOST_PY_TRACER = 16
MALLOC, PYMEM_RAW, PYMEM_MEM, PYMEM_OBJECT, MMAP = range(5)

# frames: innermost first; a Python frame is (file, line, function), a native
# one the path of its module.
Site = collections.namedtuple("Site", "domain frames size count")


def frames_of(stacks, stack):
    frames = []
    while stack:
        stack, frame, _ = stacks[stack]
        frames.append(frame)
    return tuple(frames)


class Segment:
    def __init__(self, path):
        # A buffer would give again and again what there was the first time.
        self.file = open(path, "r+b", buffering=0)
        self.control = mmap.mmap(self.file.fileno(), PAGE, offset=CONTROL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.control.close()
        self.file.close()

    def read(self, offset, size):
        return os.pread(self.file.fileno(), size, offset)

    def status(self):
        turn, = struct.unpack("<Q", self.read(TURN, 8))
        return turn and self.read(STATUS + PAGE * (turn & 1), PAGE)

    def flush(self):
        """Asks for a tick, and returns its status."""
        wake, wanted = struct.unpack_from("<II", self.control)
        wanted = (wanted + 1) & 0xffffffff
        struct.pack_into("<II", self.control, 0, (wake + 1) & 0xffffffff,
                         wanted)
        word = ctypes.c_uint32.from_buffer(self.control)
        ctypes.CDLL(None).syscall(SYS_FUTEX, ctypes.byref(word), FUTEX_WAKE,
                                  1, None, None, 0)
        del word  # or the mapping cannot be closed

        def answered():
            status = self.status()
            done = status and struct.unpack_from("<I", status, 28)[0]
            return status if done == wanted else None
        return wait_for("a flushed tick", answered)

    def names(self, status):
        count, last = struct.unpack_from("<QQ", status, 72)
        for i in range(count):
            offset, size = struct.unpack_from("<QQ", status, EXTENTS + 16 * i)
            data = self.read(offset, last if i == count - 1 else size)
            at = 0
            while at < len(data):
                kind, length, size = struct.unpack_from("<HHI", data, at)
                if size < 8:
                    raise Failed(f"an entry of {size} bytes among the names")
                yield kind, data[at + 8:at + size], length
                at += size

    def stacks(self, status, wanted):
        """Stack id -> (parent, frame, whether that or one outside is wanted)"""
        strings, modules, frames = [""], [""], [""]
        stacks = [(0, "", False)]
        for kind, data, length in self.names(status):
            if kind == STRING:
                strings.append(data[:length].decode(errors="replace"))
            elif kind == MODULE:
                path, = struct.unpack_from("<24xI", data)
                modules.append(strings[path])
            elif kind == NATIVE:
                module, = struct.unpack_from("<I", data)
                frames.append(modules[module])
            elif kind == PYTHON:
                file, function, line = struct.unpack_from("<III", data)
                frames.append((strings[file], line, strings[function]))
            elif kind == STACK:
                parent, frame = struct.unpack_from("<II", data)
                stacks.append((parent, frames[frame], stacks[parent][2] or
                               wanted(frames[frame], not parent)))
        return stacks

    def sites(self, wanted):
        """What is live now where wanted(frame, is_outermost) holds for a frame
        of the stack, and how many events were lost by cause."""
        status = self.flush()
        where, slots = struct.unpack_from("<QQ", status, 40)
        tick = struct.unpack_from("<Q", status)[0] & 0xffffffff
        size = struct.unpack_from("<I", status, RECORD_BYTES)[0] or 64
        ring = self.read(where, slots * size)
        stacks = self.stacks(status, wanted)
        newest = {}
        record = struct.Struct(f"<QHHIIIQQQQ{size - 56}x")
        for (sequence, kind, domain, site, stack, written, born_bytes, born,
             gone_bytes, gone) in record.iter_unpack(ring):
            if (not sequence or kind != RECORD_SITE or written > tick
                    or not stacks[stack][2]):
                continue
            if site not in newest or newest[site][0] < written:
                newest[site] = (written, domain, stack,
                                born_bytes - gone_bytes, born - gone)
        sites = [Site(domain, frames_of(stacks, stack), size, count) for
                 _, domain, stack, size, count in newest.values() if count]
        lost = struct.unpack_from("<64Q", status, LOST)
        return sites, lost
