#!/usr/bin/python3
"""A family of processes as one: gunicorn with three workers of which one
leaks, and multiprocessing."""
import shutil
import signal
import subprocess

from drive import (PYTHON, SOURCE, Program, Tap, describe, heaptop, load, must,
                   segments, wait_for, workplace)
from services_workers import free_port, request

PROGRAMS = SOURCE / "tests" / "programs"
LINES = (PROGRAMS / "workers.py").read_text().splitlines()


def line_with(text):
    return next(n for n, line in enumerate(LINES, 1) if text in line)


def family(pid, *options):
    return load(must("report", "--family", pid, "--json", "--top", "0",
                     *options))


def entry_at(answer, line):
    return next(entry for entry in answer["entries"]
                if (entry["file"] or "").endswith("workers.py")
                and entry["line"] == line)


def sizes(entry):
    return {share["pid"]: share["size"] for share in entry["processes"]}


def check_gunicorn(tap):
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with Program("gunicorn", "-w", "3", "-b", f"127.0.0.1:{port}",
                 "workers:app", cwd=PROGRAMS) as server:
        wait_for("gunicorn to answer", lambda: request(url).stdout)
        wait_for("four segments", lambda: len(segments()) >= 4)
        pids = sorted(segments())
        victim = wait_for("a worker", lambda: request(url + "leak").stdout)
        for pid in pids:
            if pid not in (pids[0], int(victim)):
                server_signal(pid, signal.SIGSTOP)
        served = [request(url + "leak").stdout for _ in range(20)]
        tap.equal(set(served), {victim}, "one worker answers all requests")
        for pid in pids:
            if pid not in (pids[0], int(victim)):
                server_signal(pid, signal.SIGCONT)
        answer = family(pids[1])
        tap.equal(sorted(p["pid"] for p in answer["processes"]), pids,
                  "a worker's family is its master and all workers")
        tap.equal(sum(p["size"] for p in answer["processes"]),
                  answer["total"]["size"], "the total is the sum of them")
        leak = entry_at(answer, line_with("the service leaks here"))
        tap.ok(leak["size"] >= 21 * 200000 and
               sizes(leak).keys() == {int(victim)},
               "one process has the whole leak", leak["processes"])
        shared = [e for e in answer["entries"] if len(e["processes"]) == 4]
        tap.ok(shared, "what the master had, all have",
               *describe(answer["entries"]))
        text = must("report", "--family", "gunicorn", "--top", "0")
        tap.ok(f"processes=1, biggest=100% of {int(victim)}" in text,
               "the text says who, by the name of the program", text[:2000])
        table = must("top", "-b", "-n", "1", "--family", pids[0],
                     "--columns", "size,processes,site")
        tap.ok("4 processes of" in table and "PROCS" in table,
               "top -b has a family too", table)
        server.process.send_signal(signal.SIGTERM)
        tap.equal(server.end()[0], 0, "gunicorn ends as it does alone")


def server_signal(pid, number):
    subprocess.run(["kill", f"-{int(number)}", str(pid)], check=True)


def check_multiprocessing(tap, scratch):
    with Program(PYTHON, PROGRAMS / "workers.py") as program:
        pid, *children = (int(pid) for pid in
                          program.line(r"ready (.*)").group(1).split())
        wait_for("their segments",
                 lambda: segments().keys() >= {pid, *children})
        answer = family(pid)
        kept = entry_at(answer, line_with("the processes keep here"))
        tap.equal(sorted(sizes(kept)), sorted(children),
                  "the three children have the line")
        tap.ok(sizes(kept)[children[1]] >= 40 * 100000 and
               max(sizes(kept)[children[0]],
                   sizes(kept)[children[2]]) < 10 * 100000,
               "and the second has most", kept["processes"])
        tap.equal(kept["processes"][0]["pid"], children[1],
                  "the biggest comes first")
        before = entry_at(answer, line_with("all inherit this"))
        tap.ok(len(sizes(before)) == 4 and len(set(sizes(before).values())) == 1
               and before["size"] >= 4 * 10 * 50000,
               "what was inherited counts in each", before["processes"])
        saved = scratch / "family.json"
        must("snapshot", "--family", pid, "-o", saved)
        again = load(must("report", saved, "--json", "--top", "0"))
        tap.equal(again["total"]["size"], answer["total"]["size"],
                  "a snapshot of a family has the sum")
        program.say("1\n")
        program.line(r"ended 1")
        after = family(pid)
        tap.equal(sorted(p["pid"] for p in after["processes"]),
                  sorted([pid, children[0], children[2]]),
                  "who has ended is not counted any more")
        tap.ok(entry_at(after, line_with("the processes keep here"))["size"] <
               20 * 100000, "nor what it had")
        program.say("0\n2\n")
        program.line(r"ended 2")
        tap.equal(program.end()[0], 0, "the program ends well")


def check_errors(tap):
    done = heaptop("report", "--family", "no-such-program")
    tap.ok(done.returncode == 1 and "no profiled process is named" in
           done.stderr, "a name that nobody has", done.stderr)
    done = heaptop("report", "--family", "1")
    tap.ok(done.returncode == 1 and "not among the profiled ones" in
           done.stderr, "a process without the agent", done.stderr)


def main():
    tap = Tap()
    with workplace() as scratch:
        if shutil.which("gunicorn"):
            tap.part("gunicorn", check_gunicorn, tap)
        else:
            tap.skip("gunicorn", "it is not installed")
        tap.part("multiprocessing", check_multiprocessing, tap, scratch)
        tap.part("errors", check_errors, tap)
    tap.done()


if __name__ == "__main__":
    main()
