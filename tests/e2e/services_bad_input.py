#!/usr/bin/python3
"""Bad input: one line that says what failed and what to do, nothing harmed."""
import contextlib
import os
import pty
import random
import shutil
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path

from drive import (EXAMPLES, HEAPTOP, Program, Tap, heaptop, must,
                   profiled_pid, report, segments, wait_for, workplace)

MAJOR_OFFSET = 8
BODY_OFFSET = 5 * 4096


def refused(tap, what, result, *words, status=1):
    """One line on stderr with all the words, nothing on stdout."""
    errors = result.stderr
    tap.ok(result.returncode == status and result.stdout == ""
           and errors.count("\n") == 1 and errors.startswith("heaptop")
           and all(word in errors for word in words),
           f"{what}: status {status} and one line that says why",
           f"status {result.returncode}", f"stdout {result.stdout[:300]!r}",
           f"stderr {errors[:2000]!r}", f"words {words}")


def survived(tap, what, results):
    """Whatever was made of the input, no crash and no flood of errors."""
    wrong = [result for result in results
             if result.returncode not in (0, 1)
             or result.stderr.count("\n") > 1
             or (result.returncode == 1) != (result.stderr != "")]
    tap.ok(not wrong, what, *(
        f"{result.args[1:]} {result.returncode} {result.stderr[:300]!r}"
        for result in wrong))


def check_usage(tap, scratch):
    for arguments in (["--no-such-option"], ["report"], ["diff", "one"],
                      ["run"], ["run", "--headless", "--"],
                      ["report", "--sort", "beauty", "1"],
                      ["report", "--group-by", "colour", "1"],
                      ["report", "--top", "many", "1"],
                      ["top", "-b", "-d", "soon", "1"],
                      ["snapshot", "1", "-o"],
                      ["run", "--unwinder", "magic", "--", "true"]):
        refused(tap, f"usage: {' '.join(arguments)}", heaptop(*arguments),
                status=2)


def check_processes(tap, scratch):
    result = subprocess.Popen(["true"])
    result.wait()
    gone = str(result.pid)
    refused(tap, "no such process", heaptop("report", gone), gone)
    here = str(os.getpid())
    refused(tap, "no agent in it", heaptop("report", here), here,
            "heaptop run")
    refused(tap, "no such file", heaptop("report", scratch / "none"), "none")
    refused(tap, "a directory", heaptop("report", scratch))
    os.mkfifo(scratch / "fifo")
    refused(tap, "a pipe that nobody writes",
            heaptop("report", scratch / "fifo", timeout=20), "fifo")
    refused(tap, "a device", heaptop("report", "/dev/zero", timeout=20),
            "/dev/zero")


def check_foreign(tap, scratch, segment):
    """What belongs to another user is not touched."""
    what = "another user's process"
    if os.getuid() != 0 or not shutil.which("setpriv"):
        tap.skip(what, "only root can become somebody else")
        return
    stranger = ["setpriv", "--reuid=65534", "--regid=65534",
                "--clear-groups"]
    if subprocess.run([*stranger, "test", "-x", HEAPTOP]).returncode != 0:
        tap.skip(what, "the build is in a private directory")
        return
    result = subprocess.run([*stranger, HEAPTOP, "report", segment],
                            text=True, capture_output=True)
    refused(tap, what, result, "ermission denied")
    result = subprocess.run([*stranger, HEAPTOP, "list"], text=True,
                            capture_output=True)
    refused(tap, "another user's directory of segments", result,
            os.environ["HEAPTOP_DIR"])


def dead_segment(leak):
    """The segment of a process that was killed."""
    with Program(leak, "50000") as program:
        program.line("served")
        pid = profiled_pid()
        path = segments()[pid]
        alive = report(pid)["total"]
        wait_for("it to be published", lambda: report(path)["total"] == alive)
        os.kill(pid, signal.SIGKILL)
        program.end()
    return path


def check_segments(tap, scratch, leak):
    path = dead_segment(leak)
    whole = path.read_bytes()
    path.unlink()
    bad = scratch / "bad.heaptop"
    for size in (0, 1, 8, 4095, 4096, 3 * 4096, BODY_OFFSET - 1):
        bad.write_bytes(whole[:size])
        refused(tap, f"a segment cut to {size} bytes",
                heaptop("report", bad), "bad.heaptop")
    results = []
    for part in (BODY_OFFSET, len(whole) // 4, len(whole) // 2,
                 len(whole) - 1):
        bad.write_bytes(whole[:part])
        results.append(heaptop("report", bad))
    survived(tap, "a segment cut further on", results)

    other = bytearray(whole)
    struct.pack_into("<H", other, MAJOR_OFFSET, 99)
    bad.write_bytes(other)
    refused(tap, "a segment of another version", heaptop("report", bad),
            "99")

    dice = random.Random(1)
    bad.write_bytes(dice.randbytes(1 << 20))
    refused(tap, "random bytes", heaptop("report", bad), "bad.heaptop")
    results = []
    for _ in range(12):
        other = bytearray(whole[:4096])
        other += dice.randbytes(len(whole) - 4096)
        bad.write_bytes(other)
        results.append(heaptop("report", bad))
    for _ in range(60):
        other = bytearray(whole)
        for _ in range(dice.choice((1, 10, 1000))):
            other[dice.randrange(16, len(other))] = dice.randrange(256)
        bad.write_bytes(other)
        results.append(heaptop("report", bad))
    survived(tap, "a segment with random bytes in it", results)
    tap.ok(max(len(result.stdout) for result in results) < 1 << 22
           and not any("\x1b" in result.stdout for result in results),
           "and no control character got through")


def check_snapshots(tap, scratch, pid):
    good, bad = scratch / "good.json", scratch / "bad.json"
    must("snapshot", pid, "-o", good)
    whole = good.read_bytes()
    for what, data in (("an empty snapshot", b""),
                       ("half a snapshot", whole[:len(whole) // 2]),
                       ("other JSON", b'{"animals": ["cat", "dog"]}'),
                       ("JSON of the wrong shape", b'[[[[1]]]]'),
                       ("JSON that is deep", b"[" * 100000)):
        bad.write_bytes(data)
        refused(tap, what, heaptop("report", bad), "bad.json")
    refused(tap, "diff with a bad snapshot", heaptop("diff", good, bad),
            "bad.json")
    refused(tap, "a snapshot to where nobody may write",
            heaptop("snapshot", pid, "-o", "/proc/none.json"), "/proc/none")
    dice = random.Random(2)
    results = []
    for _ in range(40):
        other = bytearray(whole)
        for _ in range(dice.choice((1, 5, 50))):
            other[dice.randrange(len(other))] = dice.randrange(32, 127)
        bad.write_bytes(other)
        results.append(heaptop("report", bad))
    survived(tap, "a snapshot with random bytes in it", results)
    with open("/dev/full", "w") as full:
        result = subprocess.run([HEAPTOP, "report", good], stdout=full,
                                stderr=subprocess.PIPE, text=True)
    tap.equal((result.returncode, result.stderr.count("\n")), (1, 1),
              "an output that is full is noticed")


def on_terminal(arguments, leave_at=b"\0", seconds=30, **env):
    """Runs heaptop on a terminal; returns its status and what it printed. Once
    it has shown leave_at it is told to quit; if it does not end it is killed.
    """
    environment = {key: value for key, value in
                   {**os.environ, **env}.items() if value is not None}
    master, slave = pty.openpty()
    process = subprocess.Popen([HEAPTOP, *map(str, arguments)], stdin=slave,
                               stdout=slave, stderr=slave, env=environment,
                               start_new_session=True)
    os.close(slave)
    watchdog = threading.Timer(seconds, os.killpg,
                               (process.pid, signal.SIGKILL))
    watchdog.start()
    shown = b""
    with contextlib.suppress(OSError):
        while data := os.read(master, 4096):
            shown += data
            if leave_at in shown:
                leave_at = b"\0"
                os.write(master, b"q")
    watchdog.cancel()
    os.close(master)
    return process.wait(), shown.decode(errors="replace")


def check_terminals(tap, scratch, pid):
    refused(tap, "no terminal", heaptop(pid), "terminal")
    status, shown = on_terminal([pid], TERM="dumb")
    tap.ok(status == 1 and shown.count("\n") == 1 and "dumb" in shown
           and "\x1b" not in shown, "TERM=dumb: one line", status, shown)
    for term in (None, "no-such-terminal"):
        status, shown = on_terminal([pid], b"taken for xterm", TERM=term)
        tap.ok(status == 0 and "xterm-256color" in shown,
               f"TERM={term}: a notice, and it is taken for another", status,
               shown)
    status, shown = on_terminal(["run", "--", "sh", "-c",
                                 "echo it ran; exit 9"], TERM="dumb")
    logs = [path.read_text() for path in
            Path(os.environ["XDG_STATE_HOME"]).glob("heaptop/*.log")]
    tap.ok(status == 9 and not logs and "it ran" in shown and
           "TERM=dumb" in shown and "\x1b" not in shown,
           "TERM=dumb: the program under run still runs", status, shown, logs)
    status, shown = on_terminal(["demo"], TERM="dumb")
    tap.ok(status == 0 and "demo_session_open" in shown and
           "\x1b" not in shown, "TERM=dumb: the demonstration is a report",
           status, shown)


def runs_anyway(tap, what, env, *options):
    result = heaptop("run", "--headless", *options, "--", "sh", "-c",
                     "echo it ran; exit 9", env={**os.environ, **env})
    tap.ok(result.returncode == 9 and result.stdout == "it ran\n"
           and result.stderr.count("\n") <= 1,
           f"{what}: the program under run still runs", result)


def check_agent(tap, scratch):
    """A heaptop whose agent is not there says so, and starts the program."""
    for what, path in (("a missing agent", scratch / "none.so"),
                       ("an agent that is a directory", scratch)):
        runs_anyway(tap, what, {"HEAPTOP_AGENT": str(path)})
        result = heaptop("run", "--headless", "--", "true",
                         env={**os.environ, "HEAPTOP_AGENT": str(path)})
        tap.ok(result.stderr.count("\n") == 1 and str(path) in result.stderr,
               f"{what}: one line says so", result)


def check_full(tap, scratch):
    tiny = scratch / "tiny"
    tiny.mkdir(mode=0o700)
    mounted = os.getuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "none", tiny],
        capture_output=True).returncode == 0
    if not mounted:
        tap.skip("a full directory", "cannot mount a tmpfs here")
        return
    try:
        (tiny / "filler").write_bytes(bytes(60 << 10))
        runs_anyway(tap, "no room for a segment", {"HEAPTOP_DIR": str(tiny)})
        (tiny / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,ro", tiny], check=True)
        runs_anyway(tap, "a read-only directory", {"HEAPTOP_DIR": str(tiny)})
        subprocess.run(["mount", "-o", "remount,rw,size=1m", tiny],
                       check=True)
        check_small(tap, tiny)
    finally:
        subprocess.run(["umount", "-l", tiny])


def check_small(tap, tiny):
    """Room for a segment, but not for all that it should hold."""
    code = ("import json; keep = [json.loads('{\"a\": [1.5, {}]}') "
            "for _ in range(20000)]; print(len(keep))")
    result = heaptop("run", "--headless", "--", "/usr/bin/python3", "-c",
                     code, env={**os.environ, "HEAPTOP_DIR": str(tiny)})
    tap.equal((result.returncode, result.stdout), (0, "20000\n"),
              "a segment that cannot grow: the program still runs")


def check_directory(tap, scratch):
    runs_anyway(tap, "a directory that is a file",
                {"HEAPTOP_DIR": "/etc/passwd"})
    link = scratch / "link"
    link.symlink_to("/tmp")
    runs_anyway(tap, "a directory that is a link",
                {"HEAPTOP_DIR": str(link)})
    tap.ok(not list(Path("/tmp").glob("*.heaptop")),
           "and nothing was written through the link")


def check_post_mortem(tap, scratch, leak):
    with Program(leak, "50000") as program:
        program.line("served")
        pid = profiled_pid()
        path = segments()[pid]
        # It may still have something to do after it has said so.
        alive = wait_for("the same to be published as is told", lambda: next(
            (told for told in [report(pid)]
             if report(path)["total"] == told["total"]), None))
        os.kill(pid, signal.SIGKILL)
        status, _, _ = program.end()
        tap.equal(status, 128 + signal.SIGKILL, "killed: run says so")
        tap.equal(report(path)["total"], alive["total"],
                  "killed: its segment still has the totals")
    with Program(leak, "50000") as program:
        program.line("served")
        # Its ticker makes the segment, beside what the program does.
        before = wait_for("the segment of the second", lambda: next(
            (found for found in [segments()] if set(found) - {pid}), None))
        told = heaptop("clean")
        left = segments()
        tap.ok(told.returncode == 0 and pid not in left and len(left) == 1,
               "clean removes the dead one and leaves the living",
               before, told, left, program.process.poll())
    must("clean")


def built(scratch):
    leak = scratch / "leak"
    subprocess.run(["gcc", "-g", "-O1", "-o", leak, EXAMPLES / "leak.c"],
                   check=True)
    return leak


def main():
    tap = Tap()
    checks = (check_usage, check_processes, check_agent, check_full,
              check_directory)
    for check in checks:
        with workplace() as scratch:
            tap.part(check.__name__, check, tap, scratch)
    with workplace() as scratch:
        leak = built(scratch)
        tap.part("check_post_mortem", check_post_mortem, tap, scratch, leak)
        tap.part("check_segments", check_segments, tap, scratch, leak)
    with workplace() as scratch, Program(built(scratch), "50000") as program:
        tap.part("start", program.line, "served")
        pid = profiled_pid()
        for check, what in ((check_foreign, segments()[pid]),
                            (check_snapshots, pid), (check_terminals, pid)):
            tap.part(check.__name__, check, tap, scratch, what)
        tap.equal(program.end()[0], 0,
                  "the program that was looked at ends well")
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
