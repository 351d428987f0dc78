#!/usr/bin/python3
"""Servers with two workers: every process has a segment of its own. uWSGI opens
Python's library while it runs."""
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


GUNICORN = ("gunicorn", "-w", "2", "flask_figures:app", "-b")
UWSGI = ("uwsgi_python3", "--master", "--processes", "2",
         "--die-on-term", "--need-app", "--module", "flask_figures:app",
         "--http-socket")


def check(tap, name, command, scratch):
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with Program(*command, f"127.0.0.1:{port}", cwd=EXAMPLES) as server:
        wait_for(f"{name} to answer",
                 lambda: request(url + "health").stdout == b"well\n")
        wait_for("three segments", lambda: len(segments()) >= 3)
        pids = sorted(segments())
        tap.equal(len(pids), 3, f"{name}: one segment for the master and each worker")
        listed = must("list")
        tap.ok(all(str(pid) in listed for pid in pids),
               f"{name}: heaptop list shows all three", listed)
        for _ in range(4):
            request(url)
        for pid in pids:
            must("snapshot", pid, "-o", scratch / f"{pid}.json")
        served = sum(request(url).stdout.startswith(b"\x89PNG")
                     for _ in range(REQUESTS))
        tap.equal(served, REQUESTS, f"{name}: every request got its chart")
        leaks = 0
        found = {}
        for pid in pids:
            after = scratch / f"{pid}-after.json"
            must("snapshot", pid, "-o", after)
            found[pid] = diff(scratch / f"{pid}.json", after, "--mine",
                              "--top", "1")
            leaks += found[pid]["total"]["size_diff"]
        tap.ok(leaks > REQUESTS * 960000,
               f"{name}: the workers hold what the requests left", found)
        leaking = [pid for pid in pids
                   if found[pid]["total"]["size_diff"] > 960000]
        tap.ok(leaking and all(
            found[pid]["entries"][0]["file"].endswith("flask_figures.py")
            for pid in leaking), f"{name}: each at the line of the service",
            *(describe(found[pid]["entries"]) for pid in leaking))
        tap.ok(found[pids[0]]["total"]["size_diff"] < 500000,
               f"{name}: the master holds nothing of it", found[pids[0]]["total"])
        server.process.send_signal(signal.SIGTERM)
        tap.equal(server.end()[0], 0, f"{name}: ends as it does alone")


def main():
    tap = Tap()
    for name, command in (("gunicorn", GUNICORN), ("uWSGI", UWSGI)):
        if not shutil.which(command[0]):
            tap.skip(name, f"{command[0]} is not installed")
            continue
        with workplace() as scratch:
            tap.part(name, check, tap, name, command, scratch)
    tap.done()


if __name__ == "__main__":
    main()
