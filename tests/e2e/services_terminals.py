#!/usr/bin/python3
"""Two terminals: a program under heaptop in one, heaptop in the other.

The program is leak.c, whose totals are known: of every tenth message it
forgets an answer of 16 bytes and its text of 200.
"""
import json
import os
import shutil
import signal
import subprocess
import sys

from drive import (EXAMPLES, HEAPTOP, Tap, heaptop, must, profiled_pid,
                   report, segments, wait_for, workplace)

MESSAGES = 50000
LOST = MESSAGES // 10
SOURCE = EXAMPLES / "leak.c"
BODY_OFFSET = 0x5000  # of a segment: behind it are its ring and names


class Terminals:
    """A tmux server of our own; each window is a terminal."""

    def __init__(self, scratch):
        self.base = ["tmux", "-S", str(scratch / "tmux"), "-f", "/dev/null"]

    def tmux(self, *arguments):
        return subprocess.run([*self.base, *arguments], text=True,
                              capture_output=True).stdout

    def open(self, name, *command):
        self.tmux("new-session", "-d", "-s", name, "-x", "100", "-y", "30",
                  *(f"-e{key}={os.environ[key]}" for key in
                    ("HEAPTOP_DIR", "XDG_STATE_HOME")), "-eTERM=screen",
                  "-eLC_ALL=C.UTF-8", "--", *map(str, command))
        self.tmux("set-option", "-t", name, "remain-on-exit", "on")

    def screen(self, name):
        return self.tmux("capture-pane", "-p", "-t", name)

    def keys(self, name, *keys):
        self.tmux("send-keys", "-t", name, *keys)

    def await_text(self, name, *texts, seconds=30):
        """The screen once it shows all the texts."""
        def shows():
            screen = self.screen(name)
            return screen if all(text in screen for text in texts) else None
        try:
            return wait_for(f"{texts} on the screen", shows, seconds)
        except Exception as error:
            raise type(error)(f"{error}\n{self.screen(name)}") from None

    def pid(self, name):
        return int(self.tmux("display-message", "-p", "-t", name,
                             "#{pane_pid}"))

    def is_over(self, name):
        answer = self.tmux("display-message", "-p", "-t", name,
                           "#{pane_dead} #{pane_dead_status}").split()
        return not answer or answer[0] == "1"

    def close(self):
        self.tmux("kill-server")


def built(scratch):
    program = scratch / "leak"
    subprocess.run(["gcc", "-g", "-O1", "-o", program, SOURCE], check=True)
    return program


def line_of(text):
    return next(number for number, line
                in enumerate(SOURCE.read_text().splitlines(), 1)
                if text in line)


def lost_at(pid, text):
    """Size and count of what is live at the line with this text."""
    for entry in report(pid, "--top", "0")["entries"]:
        if entry["file"].endswith("leak.c") \
                and entry["line"] == line_of(text):
            return entry["size"], entry["count"]
    return None


def totals_of(pid):
    """All that must not change when somebody looks."""
    found = report(pid, "--top", "0")
    return found["total"], found["losses"], found["entries"]


def check_totals(tap, pid, when):
    tap.equal(lost_at(pid, "malloc(sizeof(*answer))"), (LOST * 16, LOST),
              f"{when}: the forgotten answers, to the byte")
    tap.equal(lost_at(pid, "malloc(answer->size)"), (LOST * 200, LOST),
              f"{when}: and their texts")


def check(tap, scratch):
    terminals = Terminals(scratch)
    try:
        look(tap, terminals, built(scratch))
    finally:
        terminals.close()


def look(tap, terminals, program):
    terminals.open("one", HEAPTOP, "run", "--headless", "--", program,
                   MESSAGES)
    terminals.await_text("one", f"{MESSAGES} messages served")
    tap.ok(True, "a program runs in one terminal")
    pid = profiled_pid()
    check_totals(tap, pid, "from another process")
    totals = totals_of(pid)

    terminals.open("two", HEAPTOP)
    terminals.await_text("two", str(pid), "leak")
    tap.ok(True, "heaptop lists it in the other")
    terminals.keys("two", "Enter")
    terminals.await_text("two", f"leak.c:{line_of('malloc(answer->size)')}")
    tap.ok(True, "and opens it")
    terminals.keys("two", "q")
    wait_for("the viewer to close", lambda: terminals.is_over("two"))
    tap.equal(totals_of(pid), totals, "a viewer that left changed no total")

    for again in ("three", "four"):
        terminals.open(again, HEAPTOP, pid)
        terminals.await_text(again, "leak.c:")
        os.kill(terminals.pid(again), signal.SIGKILL)
        wait_for("the viewer to die", lambda: terminals.is_over(again))
    tap.equal(totals_of(pid), totals, "nor did two that were killed")

    terminals.open("cut", HEAPTOP, pid)
    terminals.await_text("cut", "leak.c:")
    os.truncate(segments()[pid], BODY_OFFSET)
    terminals.await_text("cut", "its segment was cut short", "leak.c:")
    tap.ok(totals_of(pid) == (totals[0], {"segment_cut": 1}, totals[2]),
           "a viewer goes on when its segment is cut short")
    terminals.keys("cut", "q")

    check_batch(tap, pid)
    terminals.keys("one", "Enter")
    wait_for("the program to end", lambda: terminals.is_over("one"))
    wait_for("its segment to go", lambda: not segments())
    tap.ok(True, "the program ends, and its segment goes with it")


def check_batch(tap, pid):
    result = heaptop("top", "-b", "-n", "2", "-d", "0.1", pid)
    shown = result.stdout.count(f"leak.c:{line_of('malloc(answer->size)')}:")
    tap.equal((result.returncode, shown), (0, 2), "top -b prints it twice")
    text = must("top", "-b", "-n", "1", "--json", pid)
    entry = json.loads(text)["entries"][0]
    tap.equal((entry["size"], entry["count"]), (LOST * 200, LOST),
              "and once as JSON")
    tap.ok(str(pid) in must("list"), "list names it")
    text = must("report", pid, "--group-by", "traceback", "--top", "1")
    tap.ok("answer->text = malloc(answer->size);" in text,
           "a traceback has the text of its lines", text)
    entry = report(pid, "--group-by", "traceback", "--top",
                   "1")["entries"][0]
    functions = [frame["function"] for frame in entry["traceback"]]
    tap.equal(functions[:3], ["answer_new", "serve", "main"],
              "and every caller, those that were inlined too")


def main():
    tap = Tap()
    for program in ("tmux", "gcc"):
        if not shutil.which(program):
            print(f"1..0 # SKIP {program} is not installed")
            return
    with workplace() as scratch:
        tap.part("two terminals", check, tap, scratch)
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
