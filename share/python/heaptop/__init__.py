"""heaptop from the inside: tracemalloc's functions, answered by the agent.

    import heaptop as tracemalloc

The program has to run with the agent (`heaptop run -- python3 app.py`, or
LD_PRELOAD as `heaptop env` says). Without it importing works, and start() says
how to load it.

Beyond tracemalloc, mark("after warm-up") gives a moment a name, and work() and
heaptop.middleware count what the program has done, so that heaptop can show the
bytes kept for each request. Without the agent these do nothing.

What differs from tracemalloc:

- A snapshot costs no memory for each block. The blocks of one stack share its
  bytes evenly in Snapshot.traces; totals, statistics and differences are exact.
- Domain 0 has all that Python's allocators gave, as tracemalloc's has. Blocks
  of malloc (MALLOC_DOMAIN) and mapped memory (MMAP_DOMAIN), where for instance
  NumPy's arrays are, come with take_snapshot(native=True) only, and with native
  frames; what extensions announce by PyTraceMalloc_Track does not count again.
- An object that is made from a free list keeps the stack that its block was
  allocated at.
- In sampled mode all sizes and counts are estimates, and few objects have a
  traceback.
"""
from tracemalloc import (BaseFilter, DomainFilter, Filter, Frame, Statistic,
                         StatisticDiff, Trace, Traceback)

from ._said import mark, work
from ._snapshot import MALLOC_DOMAIN, MMAP_DOMAIN, Snapshot
from ._tracing import (_get_object_traceback, _get_traces, clear_traces,
                       get_object_traceback, get_traceback_limit,
                       get_traced_memory, get_tracemalloc_memory, is_tracing,
                       reset_peak, start, stop)

__all__ = [
    "BaseFilter", "DomainFilter", "Filter", "Frame", "MALLOC_DOMAIN",
    "MMAP_DOMAIN", "Snapshot", "Statistic", "StatisticDiff", "Trace",
    "Traceback", "clear_traces", "get_object_traceback",
    "get_traceback_limit", "get_traced_memory", "get_tracemalloc_memory",
    "is_tracing", "mark", "reset_peak", "start", "stop", "take_snapshot",
    "work",
]


def take_snapshot(native=False):
    """What is live of what was traced. native: also blocks of malloc and
    mapped memory, in domains of their own and with native frames."""
    if not is_tracing():
        raise RuntimeError("the tracemalloc module must be tracing memory "
                           "allocations to take a snapshot")
    traces = _get_traces(native=True) if native else _get_traces()
    return Snapshot(traces, get_traceback_limit())
