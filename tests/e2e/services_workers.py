#!/usr/bin/python3
"""gunicorn with two workers: every process has a segment of its own."""
import shutil
import signal
import subprocess

from drive import (EXAMPLES, Program, Tap, describe, diff, must,
                   segments, wait_for, workplace)

REQUESTS = 20


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def request(url):
    return subprocess.run(["curl", "-fsS", url], capture_output=True,
                          timeout=60)




def check(tap, scratch):
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = ["gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}",
               "flask_figures:app"]
    with Program(*command, cwd=EXAMPLES) as server:
        wait_for("gunicorn to answer",
                 lambda: request(url + "health").stdout == b"well\n")
        wait_for("three segments", lambda: len(segments()) >= 3)
        pids = sorted(segments())
        tap.equal(len(pids), 3, "one segment for the master and each worker")
        listed = must("list")
        tap.ok(all(str(pid) in listed for pid in pids),
               "heaptop list shows all three", listed)
        for _ in range(4):
            request(url)
        for pid in pids:
            must("snapshot", pid, "-o", scratch / f"{pid}.json")
        served = sum(request(url).stdout.startswith(b"\x89PNG")
                     for _ in range(REQUESTS))
        tap.equal(served, REQUESTS, "every request got its chart")
        leaks = 0
        found = {}
        for pid in pids:
            after = scratch / f"{pid}-after.json"
            must("snapshot", pid, "-o", after)
            found[pid] = diff(scratch / f"{pid}.json", after, "--mine",
                              "--top", "1")
            leaks += found[pid]["total"]["size_diff"]
        tap.ok(leaks > REQUESTS * 960000,
               "the workers hold what the requests left", found)
        leaking = [pid for pid in pids
                   if found[pid]["total"]["size_diff"] > 960000]
        tap.ok(leaking and all(
            found[pid]["entries"][0]["file"].endswith("flask_figures.py")
            for pid in leaking), "each at the line of the service",
            *(describe(found[pid]["entries"]) for pid in leaking))
        tap.ok(found[pids[0]]["total"]["size_diff"] < 500000,
               "the master holds nothing of it", found[pids[0]]["total"])
        server.process.send_signal(signal.SIGTERM)
        status, _, errors = server.end()
        tap.equal(status, 0, "gunicorn ends as it does alone")


def main():
    tap = Tap()
    if not shutil.which("gunicorn"):
        print("1..0 # SKIP gunicorn is not installed")
        return
    with workplace() as scratch:
        tap.part("gunicorn", check, tap, scratch)
    tap.done()


if __name__ == "__main__":
    main()
