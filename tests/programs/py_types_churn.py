"""Objects and classes that are born and die in four threads, until the input
ends; then prints "done" and how often each thread went round."""
import sys
import threading

stop = threading.Event()
turns = [0] * 4


class Base(object):
    pass


def churn(which):
    kept = []
    turn = 0
    while not stop.is_set():
        turn += 1
        kind = type("Kind%d" % (turn % 7), (Base,), {"__slots__": ("a", "b")})
        kept.append([kind() for _ in range(20)])
        kept.append({str(n) * 3: (n, [n]) for n in range(50)})
        kept.append([n * 10 ** 9 + turn for n in range(200)])
        kept.append(bytearray(turn % 5000))
        kept.append([Base() for _ in range(20)])
        if len(kept) > 200:
            del kept[::2]
        turns[which] = turn


def main():
    threads = [threading.Thread(target=churn, args=(which,))
               for which in range(len(turns))]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    print("done", turns, flush=True)


main()
