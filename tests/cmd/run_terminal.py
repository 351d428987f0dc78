#!/usr/bin/python3
"""`heaptop run` on a terminal: the screen, the program's own terminal, the
file with its output, and what happens when the user or a signal leaves."""

import fcntl
import glob
import os
import pty
import re
import select
import shutil
import signal
import struct
import sys
import tempfile
import termios
import time

heaptop = os.path.join(os.environ["top_builddir"], "heaptop")
work = tempfile.mkdtemp(prefix="heaptop-test.")
os.environ.update(HEAPTOP_DIR=work + "/segments", TERM="xterm-256color",
                  XDG_STATE_HOME=work + "/state", LC_ALL="C.UTF-8")
os.mkdir(work + "/segments", 0o700)
os.chdir(work)
count = 0


def ok(good, text, got=""):
    global count
    count += 1
    print("%s %d - %s" % ("ok" if good else "not ok", count, text))
    if not good:
        for line in str(got)[-2000:].splitlines():
            print("# " + repr(line))
    sys.stdout.flush()


class Run:
    """heaptop in a terminal of 100 by 30."""

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(heaptop, [heaptop, "run", *args])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 30, 100, 0, 0))
        self.seen = ""
        self.status = None

    def read(self, seconds):
        ready = select.select([self.fd], [], [], seconds)[0]
        if not ready:
            return
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        if not data:
            # The terminal is closed before heaptop is gone.
            select.select([], [], [], 0.01)
        self.seen += data.decode(errors="replace")

    def wait_for(self, pattern, since=0):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if re.search(pattern, self.seen[since:]):
                return True
            self.read(0.1)
        return False

    def wait_file(self, name):
        end = time.monotonic() + 20
        while time.monotonic() < end and not os.path.exists(name):
            self.read(0.02)
        return os.path.exists(name)

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def finish(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                while select.select([self.fd], [], [], 0)[0]:
                    before = len(self.seen)
                    self.read(0)
                    if len(self.seen) == before:
                        break
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            self.read(0.05)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
        return None


def program(name, text):
    with open(name, "w") as file:
        file.write(text)
    return ["/usr/bin/python3", "-S", name]


def log():
    files = glob.glob(work + "/state/heaptop/run-*.log")
    text = open(files[0], "rb").read() if len(files) == 1 else files
    for file in files:
        os.unlink(file)
    return text


HELD = """
import os, select, signal, sys, time
keep = [bytearray(1000) for i in range(100)]
def wait(name):
    end = time.monotonic() + 20
    while not os.path.exists(name):
        assert time.monotonic() < end
        select.select([], [], [], 0.01)
"""


def ends_by_itself():
    run = Run(*program("short.py", HELD + """
print("to the terminal")
print("an error", file=sys.stderr)
print(os.ttyname(0) == os.ttyname(1), os.tcgetpgrp(0) == os.getpid(),
      flush=True)
open("up", "w").close()
wait("go")
sys.exit(5)
"""))
    ok(run.wait_file("up") and run.wait_for("short.py:3"),
       "the list has the program's line", run.seen)
    ok("to the terminal" not in run.seen, "its output is not on the screen",
       run.seen)
    since = len(run.seen)
    run.press("o")
    ok(run.wait_for("to the terminal", since), "but in the pane", run.seen)
    open("go", "w").close()
    ok(run.wait_for("exited", since), "its end is shown", run.seen)
    run.press("q")
    run.press("q")
    status = run.finish()
    ok(status == 5, "its status is ours", status)
    ok(re.search(r"output is in '%s/state/heaptop/run-\d+\.log'" % work,
                 run.seen), "the file with its output is named", run.seen)
    text = log()
    ok(text == b"to the terminal\nan error\nTrue True\n",
       "the file has all of it; the terminal is its own", text)
    ok(os.listdir(work + "/segments") == [], "no segment is left")


def left_running():
    run = Run(*program("long.py", HELD + """
open("up", "w").close()
wait("go")
print("after the screen", flush=True)
sys.exit(6)
"""))
    run.wait_file("up")
    ok(run.wait_for("long.py:3"), "a program that goes on", run.seen)
    run.press("q")
    ok(run.wait_for("still running"), "the viewer asks", run.seen)
    run.press("l")
    ok(run.wait_for(r"process \d+ goes on"), "it goes on", run.seen)
    open("go", "w").close()
    status = run.finish()
    ok(status == 6, "its status is ours", status)
    ok("after the screen" in run.seen, "its output is on the terminal now",
       run.seen)
    text = log()
    ok(text == b"after the screen\n", "and in the file", text)


def stopped_by_user():
    run = Run(*program("asked.py", HELD + """
def end(number, frame):
    print("asked to end", flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, end)
open("up", "w").close()
wait("never")
"""))
    run.wait_file("up")
    run.wait_for("asked.py:3")
    run.press("q")
    run.wait_for("still running")
    run.press("s")
    status = run.finish()
    ok(status == 7, "stopped by the user", (status, run.seen))
    text = log()
    ok(text == b"asked to end\n", "by SIGTERM", text)


def signalled():
    run = Run(*program("told.py", HELD + """
signal.signal(signal.SIGTERM, lambda *a: sys.exit(8))
open("up", "w").close()
wait("never")
"""))
    run.wait_file("up")
    run.wait_for("told.py:3")
    os.kill(run.pid, signal.SIGTERM)
    status = run.finish()
    ok(status == 8, "SIGTERM for heaptop reaches the program",
       (status, run.seen))


def floods():
    run = Run(*program("flood.py", HELD + """
open("up", "w").close()
for i in range(200000):
    print("line", i)
print("done")
"""))
    ok(run.wait_for("exited"), "a flood ends although nobody reads it",
       run.seen)
    run.press("q")
    status = run.finish()
    text = log()
    ok(status == 0 and text.count(b"\n") == 200001 and
       text.endswith(b"line 199999\ndone\n"), "no line of it is lost",
       (status, text[-100:]))


def without_screen():
    run = Run("--headless", *program("plain.py", """
import sys
print("plain", sys.stdout.isatty())
"""))
    status = run.finish()
    ok(status == 0 and run.seen == "plain True\r\n",
       "--headless adds nothing on a terminal", run.seen)
    run = Run("no-such-program")
    status = run.finish()
    ok(status == 127 and run.seen.count("\n") == 1,
       "a missing program opens no screen", run.seen)


def main():
    try:
        for test in (ends_by_itself, left_running, stopped_by_user, signalled,
                     floods, without_screen):
            for name in ("up", "go"):
                if os.path.exists(name):
                    os.unlink(name)
            log()
            test()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print("1..%d" % count)


main()
