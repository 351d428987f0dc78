"""Blocks that are made and dropped at a word: see tests/e2e/sampled_python.py.
Says how many blocks the interpreter counts then.

Runs under any interpreter from 3.6 on. Nothing is kept that CPython has a free
list for, but for a few lists.
"""
import gc
import sys
import tracemalloc

COUNT = 40000
STEPS = 40, 200, 500, 600, 90  # to both sides of pymalloc's largest block


class Node(object):
    __slots__ = ("name",)


def make(kept):
    kept.append(["%d of them" % number for number in range(COUNT)])
    kept.append([Node() for _ in range(COUNT)])
    kept.append([bytearray(300) for _ in range(COUNT)])
    kept.append([bytearray(8) for _ in range(COUNT)])
    for size in STEPS:
        new = bytes(size)
        for item in kept[-1]:
            item[:] = new
    for number in range(5 * COUNT):
        str(number)


def main():
    kept = []
    while True:
        word = sys.stdin.readline().strip()
        if not word:
            break
        if word == "make":
            make(kept)
        elif word == "drop":
            del kept[:]
        elif word == "trace":
            tracemalloc.start()
        elif word == "untrace":
            tracemalloc.stop()
        gc.collect()
        print(word, sys.getallocatedblocks(), flush=True)


main()
