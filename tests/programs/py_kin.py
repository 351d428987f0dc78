"""Children of every kind that Python has: py_kin.py WAY

Each process says "HAS PID" once it has its 20 blocks of 100,000 bytes, which
it keeps in a line of its own, and ends with its input.
"""
import multiprocessing
import os
import subprocess
import sys

KEPT = [None] * 40


def hold():
    for i in range(20):
        KEPT[i] = bytes(100000)  # the children keep here
    say()


def say():
    os.write(1, b"HAS %d\n" % os.getpid())
    while os.read(0, 1):
        pass


def child(descriptor):
    os.dup2(descriptor, 0)
    hold()


def by_multiprocessing(way):
    context = multiprocessing.get_context(way)
    # A spawned child has /dev/null for its input.
    process = context.Process(target=child_of, args=(os.getpid(),))
    process.start()
    return process.join


def child_of(parent):
    descriptor = os.open(f"/proc/{parent}/fd/0", os.O_RDONLY)
    child(descriptor)


def by_fork():
    pid = os.fork()
    if not pid:
        hold()
        os._exit(0)
    return lambda: os.waitpid(pid, 0)


def by_posix_spawn():
    pid = os.posix_spawn(sys.executable, [sys.executable, __file__, "hold"],
                         os.environ)
    return lambda: os.waitpid(pid, 0)


def by_subprocess():
    return subprocess.Popen([sys.executable, __file__, "hold"]).wait


WAYS = {"fork": by_fork, "posix_spawn": by_posix_spawn,
        "subprocess": by_subprocess}


def main():
    way = sys.argv[1]
    if way == "hold":
        return hold()
    for i in range(20, 30):
        KEPT[i] = bytes(100000)  # all inherit this
    if way.startswith("mp-"):
        wait = by_multiprocessing(way[3:])
    else:
        wait = WAYS[way]()
    say()
    wait()
    return None


if __name__ == "__main__":
    main()
