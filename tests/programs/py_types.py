"""Blocks of known types, each kind made at a line of its own.

Prints "line NUMBER {type: count}" for each, then "ready", then waits for its
input to end. Types that are not told are buffers: they need no number.
"""
import collections
import datetime
import sys

COUNT = 1000
made = []


class Point(object):
    def __init__(self, x):
        self.x = x


class Slotted(object):
    __slots__ = ("x", "__weakref__")

    def __init__(self, x):
        self.x = x


class Outer(object):
    class Inner(object):
        __slots__ = ()


def local_type():
    class Local(object):
        __slots__ = ()
    return Local


class Text(str):
    pass


class Pair(tuple):
    pass


class Meta(type):
    pass


Metered = Meta("Metered", (), {"__module__": "some.where"})


def tell(**types):
    """What the line above the call has made."""
    line = sys._getframe(1).f_lineno - 1
    print("line %d %r" % (line, types), flush=True)


def main():
    seed = [n * 1000003 + 10 ** 6 for n in range(COUNT)]
    made.append(seed)
    empty = [()] * COUNT
    made.append([n * 1000003 + 10 ** 9 for n in range(COUNT)])
    tell(int=COUNT)
    made.append([n / 7.0 for n in range(COUNT)])
    tell(float=COUNT)
    made.append(["some text %d" % n for n in range(COUNT)])
    tell(str=COUNT)
    made.append([u"\u20ac\U0001f40d%d" % n for n in range(COUNT)])
    tell(str=COUNT)
    made.append([b"some bytes %d" % n for n in range(COUNT)])
    tell(bytes=COUNT)
    made.append([[n, n, n, n] for n in seed])
    tell(list=COUNT)
    made.append([{n: n} for n in seed])
    tell(dict=COUNT)
    made.append([{n, n + 1} for n in seed])
    tell(set=COUNT)
    made.append([(n, n) for n in seed])
    tell(tuple=COUNT)
    made.append([bytearray(40) for none in empty])
    tell(bytearray=COUNT)
    made.append([Slotted(n) for n in seed])
    tell(Slotted=COUNT)
    made.append([Pair((n, n)) for n in seed])
    tell(Pair=COUNT)
    made.append([Text(n) for n in empty])
    tell(Text=COUNT)
    made.append([Metered() for n in empty])
    tell(Metered=COUNT)
    made.append([Outer.Inner() for n in empty])
    tell(Inner=COUNT)
    local = local_type()
    made.append([local() for n in empty])
    tell(Local=COUNT)
    made.append([object() for n in empty])
    tell(object=COUNT)
    made.append([complex(n, 1) for n in seed])
    tell(complex=COUNT)
    made.append([collections.OrderedDict() for n in empty])
    tell(OrderedDict=COUNT)
    made.append([lambda: 0 for n in empty])
    tell(function=COUNT)
    made.append([datetime.datetime(2000, 1, 1 + n % 9) for n in range(COUNT)])
    tell(datetime=COUNT)
    made.append([Point(n) for n in seed])
    tell(Point=COUNT)
    print("ready", flush=True)
    sys.stdin.read()


main()
