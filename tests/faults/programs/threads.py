"""Threads of Python that have each other's blocks: threads.py CASE

The last lines of the output are the books, as in case.h: of the blocks that
`born` has allocated. No case leaves it to chance what stays.
"""
import collections
import gc
import os
import sys
import threading

THREADS = 4
FILL = b"."
HEADER = sys.getsizeof(b"")
kept = []


class Books:
    """What one thread has allocated, and what was or will be dropped."""

    def __init__(self):
        self.total = self.total_bytes = self.gone = self.gone_bytes = 0

    def begin(self, size):
        self.total += 1
        self.total_bytes += size + HEADER

    def end(self, size):
        self.gone += 1
        self.gone_bytes += size + HEADER


def born(size):
    return FILL * size  # which allocates nothing else


def size_of(number):
    return 600 + number * 37 % 3000


def side_by_side(work):
    """Runs work(index, books) in threads that all run at once."""
    books = [Books() for _ in range(THREADS)]
    together = threading.Barrier(THREADS)

    def run(index):
        together.wait()
        work(index, books[index])
    threads = [threading.Thread(target=run, args=(index,))
               for index in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return books


def handed_on():
    """Each thread drops what the one before it has allocated."""
    rounds = 3000
    lanes = [collections.deque() for _ in range(THREADS)]

    def work(index, books):
        stay = []
        taken = 0
        for number in range(rounds):
            lanes[index].append((number, born(size_of(number))))
            books.begin(size_of(number))
            while lanes[index - 1]:
                taken += take(lanes[index - 1], stay, books)
        while taken < rounds:
            if lanes[index - 1]:
                taken += take(lanes[index - 1], stay, books)
        kept.append(stay)
    return side_by_side(work)


def take(lane, stay, books):
    number, block = lane.popleft()
    if number % 10 == 0:
        stay.append(block)
    else:
        books.end(size_of(number))
    return 1


def in_cycles():
    """Blocks that only the collector finds, in whatever thread it runs."""
    def work(index, books):
        stay = []
        for number in range(2000):
            ring = [born(size_of(number))]
            ring.append(ring)
            books.begin(size_of(number))
            if number % 10 == index:
                stay.append(ring)
            else:
                books.end(size_of(number))
            if number % 500 == 0:
                gc.collect()
        kept.append(stay)
    return side_by_side(work)


def short_lived():
    """What a thread leaves when it ends is others' to drop."""
    def work(index, books):
        for number in range(60):
            left = []

            def leave():
                left.extend(born(size_of(number)) for _ in range(50))
            thread = threading.Thread(target=leave)
            thread.start()
            thread.join()
            for block in left:
                books.begin(size_of(number))
            if (number + index) % 10 == 0:
                kept.append(left)
                continue
            for block in left:
                books.end(size_of(number))
    return side_by_side(work)


CASES = {"handed-on": handed_on, "in-cycles": in_cycles,
         "short-lived": short_lived}


def main():
    if sys.argv[1] not in CASES:
        return 64
    books = CASES[sys.argv[1]]()
    gc.collect()
    total = sum(book.total for book in books)
    total_bytes = sum(book.total_bytes for book in books)
    print("truth born", total_bytes - sum(book.gone_bytes for book in books),
          total - sum(book.gone for book in books), total_bytes, total,
          flush=True)
    return 0


status = main()
os._exit(status)  # before the interpreter frees what stays
