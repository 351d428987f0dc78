"""Snapshots: totals of stacks, which look like tracemalloc's traces.

tracemalloc has an entry for each block. The agent has one for each stack, so a
snapshot is as large as the program has places that allocate, however many
blocks there are. What is asked of single blocks is answered from their stack:
its blocks share its bytes as evenly as whole numbers can.

What a statistic, a traceback or a filter is, and how it is printed, is the
running Python's own tracemalloc's.
"""
import bisect
import ctypes
import itertools
import pickle
import sys
from collections.abc import Iterable, Sequence
from tracemalloc import Statistic, StatisticDiff, Trace, Traceback

from . import _agent, _stacks

# Domains beside tracemalloc's 0, which has all of Python's allocators.
MALLOC_DOMAIN = 1
MMAP_DOMAIN = 2
# By the agent's numbers.
_DOMAINS = (MALLOC_DOMAIN, 0, 0, 0, MMAP_DOMAIN)

# The depth of the whole stack is part of a trace.
_HAS_TOTAL = sys.version_info >= (3, 9)


def _raw(domain, size, frames, total):
    """What tracemalloc calls a trace, as a tuple."""
    if _HAS_TOTAL:
        return domain, size, frames, total
    return domain, size, frames


class Group:
    """Blocks of one stack and domain."""

    __slots__ = ("size", "count", "trace")

    def __init__(self, size, count, trace):
        self.size = size
        self.count = count
        self.trace = trace  # of a block of average size

    def block(self, index):
        size, larger = divmod(self.size, self.count)
        return (self.trace[0], size + (index < larger)) + self.trace[2:]


def _rows(data, native):
    """What take() has read: stack, domain, bytes and count of each."""
    return [(stack, _DOMAINS[domain], size, count) for
            stack, domain, size, count in _agent.ROW.iter_unpack(data)
            if native or not _DOMAINS[domain]]


def _groups(rows, limit):
    frames = _stacks.Frames()
    frames.load_stacks({row[0] for row in rows}, limit)
    same = {}
    groups = []
    for stack, domain, size, count in rows:
        traceback, total = frames.stack(stack, limit, domain != 0)
        traceback = same.setdefault(traceback, traceback)
        groups.append(Group(size, count, _raw(domain, size // count,
                                              traceback, total)))
    return groups


class Blocks(Sequence):
    """A trace, as a tuple, for each block: made when it is asked for."""

    def __init__(self, groups=None, data=b"", limit=1, native=False):
        self._made = groups
        self._data = data
        self._limit = limit
        self._native = native
        self._ends = None

    def _make(self, limit):
        return _groups(_rows(self._data, self._native), limit)

    @property
    def groups(self):
        if self._made is None:
            self._made = self._make(self._limit)
            self._data = b""
        return self._made

    def cut(self, limit):
        """The groups with fewer frames, where that saves work."""
        if self._made is not None or limit >= self._limit:
            return self.groups
        return self._make(limit)

    @property
    def ends(self):
        """Up to which block each group reaches."""
        if self._ends is None:
            self._ends = list(itertools.accumulate(
                group.count for group in self.groups))
        return self._ends

    def __len__(self):
        return self.ends[-1] if self.ends else 0

    def __iter__(self):
        return (group.block(index) for group in self.groups
                for index in range(group.count))

    def __getitem__(self, index):
        at = range(len(self))[index]
        if isinstance(at, range):
            return [self[i] for i in at]
        place = bisect.bisect_right(self.ends, at)
        return self.groups[place].block(
            at - (self.ends[place - 1] if place else 0))

    def __eq__(self, other):
        if isinstance(other, Blocks):
            return ([(group.size, group.count, group.trace)
                     for group in self.groups] ==
                    [(group.size, group.count, group.trace)
                     for group in other.groups])
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(
            mine == theirs for mine, theirs in zip(self, other))

    __hash__ = None

    def __getstate__(self):
        return [(group.size, group.count, group.trace)
                for group in self.groups]

    def __setstate__(self, state):
        self.__init__([Group(*group) for group in state])


def take(limit, native):
    """The live blocks that are traced now."""
    count = ctypes.c_uint32()
    taken = _agent.trace.take(count)
    data = ctypes.string_at(taken, _agent.ROW.size * count.value) \
        if taken else b""
    _agent.trace.drop(taken)
    return Blocks(data=data, limit=limit, native=native)


class _Traces(Sequence):
    """The traces of a snapshot, as objects."""

    def __init__(self, traces):
        self._traces = traces

    def __len__(self):
        return len(self._traces)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return tuple(Trace(trace) for trace in self._traces[index])
        return Trace(self._traces[index])

    def __contains__(self, trace):
        return trace._trace in self._traces

    def __eq__(self, other):
        if not isinstance(other, _Traces):
            return NotImplemented
        return self._traces == other._traces

    __hash__ = None

    def __repr__(self):
        return "<Traces len=%s>" % len(self)


def _of_file(frame):
    return (frame[0], 0),


# What frames a block is charged to, by key type: of its own, and each.
_KEYS = {
    "traceback": (lambda frames: (frames,), None),
    "lineno": (lambda frames: (frames[:1],),
               lambda frames: ((frame,) for frame in frames)),
    "filename": (lambda frames: (_of_file(frames[0]),),
                 lambda frames: map(_of_file, frames)),
}


def _passes(filters, trace):
    """Some inclusive filter, if there are any, and each exclusive one."""
    inclusive = [one for one in filters if one.inclusive]
    return (not inclusive or any(one._match(trace) for one in inclusive)) \
        and all(one._match(trace) for one in filters if not one.inclusive)


def _difference(traceback, new, old):
    size, count = (new.size, new.count) if new else (0, 0)
    was_size, was_count = (old.size, old.count) if old else (0, 0)
    return StatisticDiff(traceback, size, size - was_size,
                         count, count - was_count)


class Snapshot:
    """What was live at one moment.

    traces is a sequence of Trace objects, one for each block, traceback_limit
    the number of frames that are shown of each.
    """

    def __init__(self, traces, traceback_limit):
        self.traces = _Traces(traces)
        self.traceback_limit = traceback_limit

    def dump(self, filename):
        """Writes the snapshot into a file."""
        with open(filename, "wb") as file:
            pickle.dump(self, file, pickle.HIGHEST_PROTOCOL)

    @staticmethod
    def load(filename):
        """Reads what dump has written."""
        with open(filename, "rb") as file:
            return pickle.load(file)

    def _groups(self, limit=None):
        traces = self.traces._traces
        if isinstance(traces, Blocks):
            return traces.cut(limit) if limit else traces.groups
        return [Group(trace[1], 1, trace) for trace in traces]

    def filter_traces(self, filters):
        """A new snapshot with the blocks that pass the filters: one of the
        inclusive ones, if there are any, and all exclusive ones."""
        if not isinstance(filters, Iterable):
            raise TypeError("filters must be a list of filters, not %s"
                            % type(filters).__name__)
        filters = list(filters)
        return Snapshot(Blocks([group for group in self._groups()
                                if _passes(filters, group.trace)]),
                        self.traceback_limit)

    def _group_by(self, key_type, cumulative):
        if key_type not in _KEYS:
            raise ValueError("unknown key_type: %r" % (key_type,))
        keys = _KEYS[key_type][bool(cumulative)]
        if keys is None:
            raise ValueError("cumulative mode cannot by used "
                             "with key type %r" % key_type)
        found = {}
        innermost = key_type != "traceback" and not cumulative
        for group in self._groups(1 if innermost else None):
            for frames in keys(group.trace[2]):
                statistic = found.get(frames)
                if statistic is None:
                    statistic = Statistic(Traceback(frames), 0, 0)
                    found[frames] = statistic
                statistic.size += group.size
                statistic.count += group.count
        return {one.traceback: one for one in found.values()}

    def statistics(self, key_type, cumulative=False):
        """Statistics grouped by 'filename', 'lineno' or 'traceback', the
        largest first."""
        return sorted(self._group_by(key_type, cumulative).values(),
                      key=lambda one: (one.size, one.count, one.traceback),
                      reverse=True)

    def compare_to(self, old_snapshot, key_type, cumulative=False):
        """What has changed since an older snapshot, which may be one of
        tracemalloc's; the largest difference first."""
        new = self._group_by(key_type, cumulative)
        old = old_snapshot._group_by(key_type, cumulative)
        gone = [traceback for traceback in old if traceback not in new]
        return sorted(
            (_difference(traceback, new.get(traceback), old.get(traceback))
             for traceback in itertools.chain(new, gone)),
            key=lambda one: (abs(one.size_diff), one.size,
                             abs(one.count_diff), one.count, one.traceback),
            reverse=True)
