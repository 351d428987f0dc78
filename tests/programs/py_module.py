"""What the module says is right, and what tracemalloc says beside it.

Runs under the agent: a unittest, since it is run by every interpreter of the
machine. Argument: "sampled" or "without", for the tests of those cases.
"""
import ctypes
import gc
import os
import sys
import tempfile
import threading
import tracemalloc
import unittest

import heaptop

HERE = __file__
LIMIT = 6
NOISE = 2048  # bytes: what Python itself allocates now and then


# Numbers that make() needs: it makes none itself, since ints have a free list
# from 3.14 on.
WORK = {count: [(100 + i, 10 ** 40 + i, 50 + i % 7) for i in range(count)]
        for count in (3, 5, 100, 500, 700)}


def make(kept, count):
    """Blocks of kinds that Python has no free lists of."""
    for size, number, other in WORK[count]:
        kept.append(bytes(size))
        kept.append(str(number))
        kept.append(bytearray(other))


def deeper(depth, kept, count):
    if depth:
        deeper(depth - 1, kept, count)
    else:
        make(kept, count)


class Same(unittest.TestCase):
    """Each looks at the same work, one after the other, since tracemalloc's
    own memory comes from Python's allocators; and they print the same."""

    maxDiff = None

    def look(self, module, ask):
        gc.collect()
        gc.disable()
        module.start(LIMIT)
        try:
            deeper(2, [], 100)  # fills free lists, and empties them again
            module.clear_traces()
            return ask(module)
        finally:
            module.stop()
            gc.enable()

    def check(self, ask):
        self.look(heaptop, ask)  # what is made once is made
        theirs, mine = [self.look(module, ask)
                        for module in (tracemalloc, heaptop)]
        self.assertEqual(mine, theirs)
        self.assertTrue(mine)

    def snapshot(self, module):
        """What make() allocated."""
        return module.take_snapshot().filter_traces(
            [module.Filter(True, HERE, line)
             for line in range(make.__code__.co_firstlineno,
                               deeper.__code__.co_firstlineno)])

    def compare(self, ask):
        """ask: of an older and a newer snapshot."""
        def work(module):
            kept = []
            make(kept, 500)
            old = self.snapshot(module)
            deeper(3, kept, 700)
            del kept[:600]
            return ask(old, self.snapshot(module))

        self.check(work)

    def test_statistics(self):
        for key in ("lineno", "filename", "traceback"):
            self.compare(lambda old, new: [str(one) for one in
                                           old.statistics(key) +
                                           new.statistics(key)])

    def test_cumulative(self):
        for key in ("lineno", "filename"):
            self.compare(lambda old, new: [
                str(one) for one in new.statistics(key, cumulative=True)])

    def test_differences(self):
        for key in ("lineno", "filename", "traceback"):
            self.compare(lambda old, new: [
                str(one) + repr(one) for one in new.compare_to(old, key)])
            self.compare(lambda old, new: [
                str(one) for one in old.compare_to(new, key)])

    def test_tracebacks(self):
        self.compare(lambda old, new: [
            one.traceback.format() + [repr(one.traceback)]
            for one in new.statistics("traceback")])

    def test_sums_of_traces(self):
        self.compare(lambda old, new: (len(new.traces), sum(
            trace.size for trace in new.traces)))

    def test_an_older_snapshot_of_tracemalloc(self):
        def work(module):
            kept = []
            make(kept, 100)
            return self.snapshot(module)

        theirs, mine = [self.look(module, work)
                        for module in (tracemalloc, heaptop)]
        for one in mine.compare_to(theirs, "lineno"):
            self.assertEqual((one.size_diff, one.count_diff), (0, 0))

    def test_memory(self):
        def work(module):
            kept = [bytes(1000) for _ in range(1000)]
            kept.append(bytes(3 << 20))
            del kept[500:]
            first = module.get_traced_memory()
            if hasattr(module, "reset_peak"):
                module.reset_peak()
            kept.append(bytes(1 << 20))
            return [size // NOISE for size in
                    first + module.get_traced_memory()]

        theirs, mine = [self.look(module, work)
                        for module in (tracemalloc, heaptop)]
        if not hasattr(tracemalloc, "reset_peak"):
            del theirs[3], mine[3]
        for a, b in zip(theirs, mine):
            self.assertLess(abs(a - b), 2)

    def test_an_object(self):
        def work(module):
            kept = []
            deeper(2, kept, 5)
            return [repr(module.get_object_traceback(one))
                    for one in kept[:9] + [Same, {1, 2}, bytes]]

        self.check(work)

    def test_an_object_with_a_dictionary(self):
        def work(module):
            return module.get_object_traceback(type("C", (), {})())

        self.assertIsNotNone(self.look(heaptop, work))


class Own(unittest.TestCase):
    def setUp(self):
        heaptop.start()

    def tearDown(self):
        heaptop.stop()

    def size_at(self, line, **options):
        snapshot = heaptop.take_snapshot(**options).filter_traces(
            [heaptop.Filter(True, HERE, line)])
        return sum(one.size for one in snapshot.statistics("lineno"))

    def test_only_since_the_start(self):
        kept = []
        for turn in range(3):
            heaptop.stop()
            before = bytes(5 << 20)
            heaptop.start()
            del before
            kept.append(bytes(1 << 20))
            live, peak = heaptop.get_traced_memory()
            self.assertGreater(live, 1 << 20)
            self.assertLess(peak, (1 << 20) + NOISE)
            self.assertEqual(len(heaptop.take_snapshot().filter_traces(
                [heaptop.Filter(True, HERE)]).traces) > 0, True)

    def test_a_second_start_changes_nothing(self):
        kept = bytes(1 << 20)
        heaptop.start(7)
        self.assertEqual(heaptop.get_traceback_limit(), 1)
        self.assertGreater(heaptop.get_traced_memory()[0], len(kept))

    def test_other_threads(self):
        kept = []

        def work():
            kept.append(bytes(1 << 20))

        line = work.__code__.co_firstlineno + 1
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertGreater(self.size_at(line), 4 << 20)
        del kept[:]
        self.assertLess(self.size_at(line), 1 << 20)
        self.assertLess(heaptop.get_traced_memory()[0], 1 << 20)

    def test_a_child(self):
        kept = bytes(1 << 20)
        child = os.fork()
        if not child:
            live = heaptop.get_traced_memory()[0]
            more = bytes(1 << 20)
            grown = heaptop.get_traced_memory()[0] - live
            os._exit(len(kept) == len(more) and live > 1 << 20 and
                     abs(grown - (1 << 20)) < NOISE)
        self.assertEqual(os.waitpid(child, 0)[1] >> 8, 1)

    def test_native(self):
        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        block = libc.malloc(ctypes.c_size_t(7 << 20))
        for native in (False, True):
            sizes = [trace.size for trace in
                     heaptop.take_snapshot(native=native).traces
                     if trace.domain == heaptop.MALLOC_DOMAIN]
            self.assertEqual(7 << 20 in sizes, native)
        native = heaptop.take_snapshot(native=True)
        only = native.filter_traces(
            [heaptop.DomainFilter(False, heaptop.MALLOC_DOMAIN),
             heaptop.DomainFilter(False, heaptop.MMAP_DOMAIN)])
        self.assertFalse([trace for trace in only.traces if trace.domain])
        libc.free(ctypes.c_void_p(block))

    def test_native_since_each_beginning(self):
        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        kept = []
        for _ in range(5):  # one stack, which the thread remembers
            heaptop.clear_traces()
            kept.append(libc.malloc(ctypes.c_size_t(3 << 20)))
            self.assertEqual([trace.size for trace in
                              heaptop.take_snapshot(native=True).traces
                              if trace.size >= 3 << 20], [3 << 20])
        for block in kept:
            libc.free(ctypes.c_void_p(block))

    def test_blocks_share_the_bytes(self):
        kept = [bytes(size) for size in range(1000, 1101)]
        snapshot = heaptop.take_snapshot().filter_traces(
            [heaptop.Filter(True, HERE)])
        total = sum(one.size for one in snapshot.statistics("filename"))
        count = sum(one.count for one in snapshot.statistics("filename"))
        self.assertEqual(len(snapshot.traces), count)
        self.assertEqual(sum(trace.size for trace in snapshot.traces), total)
        self.assertEqual(snapshot.traces[-1],
                         snapshot.traces[len(snapshot.traces) - 1])
        self.assertIn(snapshot.traces[3], snapshot.traces)
        with self.assertRaises(IndexError):
            snapshot.traces[count]
        self.assertGreater(total, sum(map(len, kept)))

    def test_a_snapshot_on_disk(self):
        snapshot = heaptop.take_snapshot()
        with tempfile.NamedTemporaryFile() as file:
            snapshot.dump(file.name)
            again = heaptop.Snapshot.load(file.name)
        self.assertEqual(again.traces, snapshot.traces)
        self.assertEqual(again.statistics("traceback"),
                         snapshot.statistics("traceback"))
        self.assertEqual([], [one for one in again.compare_to(
            snapshot, "lineno") if one.size_diff or one.count_diff])

    def test_limits(self):
        heaptop.stop()
        for limit in (-1, 0, 65536):
            self.assertRaises(ValueError, heaptop.start, limit)
        self.assertFalse(heaptop.is_tracing())
        self.assertRaises(RuntimeError, heaptop.take_snapshot)
        self.assertEqual(heaptop.get_traced_memory(), (0, 0))
        heaptop.start(3)
        kept = []
        deeper(10, kept, 3)
        traceback = heaptop.get_object_traceback(kept[0])
        self.assertEqual(len(traceback), 3)

    def test_wrong_questions(self):
        snapshot = heaptop.take_snapshot()
        self.assertRaises(ValueError, snapshot.statistics, "size")
        self.assertRaises(ValueError, snapshot.statistics, "traceback", True)
        self.assertRaises(TypeError, snapshot.filter_traces,
                          heaptop.Filter(True, HERE))


class Sampled(unittest.TestCase):
    def test_totals_are_near(self):
        heaptop.start()
        kept = [bytes(1000) for _ in range(200000)]
        true = sum(map(sys.getsizeof, kept))
        heap = heaptop.get_traced_memory()[0]
        snapshot = sum(one.size for one in
                       heaptop.take_snapshot().statistics("lineno"))
        for size in (heap, snapshot):
            self.assertLess(abs(size - true), true / 4)


class Without(unittest.TestCase):
    """There is no agent."""

    def test_it_says_so(self):
        with self.assertRaises(RuntimeError) as caught:
            heaptop.start()
        self.assertIn("heaptop run -- python3", str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def test_nothing_is_traced(self):
        self.assertFalse(heaptop.is_tracing())
        self.assertEqual(heaptop.get_traced_memory(), (0, 0))
        self.assertEqual(heaptop.get_tracemalloc_memory(), 0)
        self.assertIsNone(heaptop.get_object_traceback(bytes(9)))
        self.assertRaises(RuntimeError, heaptop.take_snapshot)
        heaptop.clear_traces()
        heaptop.reset_peak()
        heaptop.stop()


CASES = {"sampled": ["Sampled"], "without": ["Without"],
         "exact": ["Same", "Own"]}

if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + CASES[sys.argv[1]])
