"""A service whose workers keep what /leak asks for, and a program that forks
three processes, of which the second keeps most."""
import multiprocessing
import os
import sys

KEPT = []


def app(environ, start_response):
    if environ["PATH_INFO"] == "/leak":
        KEPT.append(bytearray(200000))  # the service leaks here
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


def work(number, ready, finish):
    kept = []
    for _ in range(40 if number == 1 else 4):
        kept.append(bytearray(100000))  # the processes keep here
    ready.release()
    finish[number].wait()


def main():
    before = [bytearray(50000) for _ in range(10)]  # all inherit this
    ready = multiprocessing.Semaphore(0)
    finish = [multiprocessing.Event() for _ in range(3)]
    processes = [multiprocessing.Process(target=work, args=(i, ready, finish))
                 for i in range(3)]
    for process in processes:
        process.start()
    for _ in processes:
        ready.acquire()
    print("ready", os.getpid(), *(process.pid for process in processes),
          flush=True)
    for line in sys.stdin:
        finish[int(line)].set()
        processes[int(line)].join()
        print("ended", line.strip(), flush=True)
    return before


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    main()
