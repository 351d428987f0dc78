# One leak, one cache that fills and levels off, and churn; for screens that
# tell them apart. Runs until its standard input ends.
import select
import sys

CACHE_ENTRIES = 200

leaked = []
cache = {}
sessions = []


def leak():
    leaked.append(bytearray(3000))


def remember(step):
    key = step * 7 % CACHE_ENTRIES
    if key not in cache:
        cache[key] = bytearray(40000)


def churn(step):
    sessions.append(bytearray(5000 + step * 7919 % 90000))
    if len(sessions) > 20:
        del sessions[0]


def main():
    step = 0
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        leak()
        remember(step)
        churn(step)
        step += 1


main()
