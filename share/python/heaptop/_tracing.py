"""What tracemalloc's functions do, asked of the agent."""
from tracemalloc import Traceback

from . import _agent, _snapshot, _stacks

_LIMIT_MAX = 65535
# Bytes before an object in its block: the collector's head, and pointers to
# its dictionary and weak references.
_PREFIXES = (0, 16, 32)

_limit = 1
_trace = _agent.trace


def start(nframe=1):
    """Begins to trace; up to nframe frames of each stack will be shown."""
    global _limit
    if not 1 <= nframe <= _LIMIT_MAX:
        raise ValueError("the number of frames must be in range [1; %d]"
                         % _LIMIT_MAX)
    if not _trace:
        raise RuntimeError(_agent.MISSING)
    if _trace.on():
        return
    _limit = nframe
    if _trace.start():
        raise RuntimeError("heaptop's agent in this process is off")


def stop():
    """Ends it, and forgets what was traced. The agent records on for
    heaptop's viewer."""
    if _trace:
        _trace.stop()


def is_tracing():
    """Whether allocations are traced."""
    return bool(_trace and _trace.on())


def clear_traces():
    """Forgets what was traced, and goes on."""
    if is_tracing():
        _trace.start()


def get_traceback_limit():
    """How many frames of a stack are shown at most."""
    return _limit


def get_traced_memory():
    """Bytes of the traced blocks: live now, and the most that were at once."""
    if not _trace:
        return 0, 0
    return _trace.live(), _trace.peak()


def reset_peak():
    """From now on the peak is what is live now, and what comes."""
    if _trace:
        _trace.reset_peak()


def get_tracemalloc_memory():
    """Bytes that the agent uses, as of its last tick: for all it does, since
    it records whether or not somebody traces."""
    return _trace.overhead() if _trace else 0


def _get_object_traceback(obj):
    if not _trace:
        return None
    for before in _PREFIXES:
        stack = _trace.block(id(obj) - before, before)
        if stack:
            return _stacks.Frames().stack(stack, _limit, False)[0]
    return None


def get_object_traceback(obj):
    """The Traceback where an object was allocated; None: it was not traced."""
    frames = _get_object_traceback(obj)
    return None if frames is None else Traceback(frames)


def _get_traces(native=False):
    if not is_tracing():
        return []
    return _snapshot.take(_limit, native)
