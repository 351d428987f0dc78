#!/usr/bin/python3
"""Hostile names, on every screen and in every output: none gets through.

The program under heaptop has names that move the cursor, set the title, turn
text around, hide, or are no UTF-8: of functions, files, types, modules, marks
and its own command. What reaches the terminal is looked at byte by byte.
"""
import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

from drive import (HEAPTOP, SOURCE, Program, Tap, heaptop, must, profiled_pid,
                   wait_for, workplace)

# Invisible, or turning text around.
HIDDEN = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e"
                    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
# What a terminal library sends: CSI of movement, colour and modes, the title
# put aside and back, character sets, keypad, save and restore.
SEQUENCE = re.compile(r"\x1b(\[[0-9;?>]*[A-HJKLMPSTXZ`abdefghlmrsu]"
                      r"|\[2[23];0;0t"
                      r"|\([0AB]|\)[0AB]|[=>78cM])")
# Each view, and what can be done there; Escape goes back to the list.
KEYS = ["j", "\r", "w", "c", "t", "*", "v", "\x1b", "\x1b", "F", "j", "\r",
        "\x1b", "y", "\x1b", "X", "\r", "\x1b", "\x1b", "a", "]", "\x1b", "H",
        "\x1b", "M", "\r", "\x1b", "R", "\x1b", "l", "\x1b", "P", "\x1b", "?",
        "\x1b", "m", "i", "u", "L", "L", "L", "L", "L", "L", "s", "\x1b",
        "/PWN\r", "n", "G", "\r", "\x1b", "fPWN\r", "g", "\r", "\x1b", "C",
        "\x1b"]


def clean(data):
    """What is wrong with bytes that people or programs will read."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return f"no UTF-8: {data[max(0, error.start - 40):error.start + 40]!r}"
    found = CONTROL.search(text) or HIDDEN.search(text)
    if found:
        return repr(text[max(0, found.start() - 40):found.end() + 40])
    return None


def clean_screen(data):
    """The same of what went to a terminal."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return f"no UTF-8: {data[max(0, error.start - 40):error.start + 40]!r}"
    rest = SEQUENCE.sub("", text).translate(
        {ord(c): None for c in "\r\n\b\t\x0e\x0f"})
    found = re.search("[\x00-\x1f\x7f-\x9f]", rest) or HIDDEN.search(rest)
    if found:
        return repr(rest[max(0, found.start() - 60):found.end() + 60])
    return None


def run_bytes(*arguments):
    return subprocess.run([HEAPTOP, *map(str, arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=120)


def check_outputs(tap, scratch, pid):
    groups = ("lineno", "function", "filename", "module", "traceback",
              "domain")
    snapshot = scratch / "saved.json"
    must("snapshot", pid, "-o", snapshot)
    commands = [["report", pid, "--group-by", group] for group in groups]
    commands += [["report", pid, "--json", "--group-by", group]
                 for group in ("traceback", "module")]
    commands += [
        ["report", pid, "--types"], ["report", pid, "--types", "--json"],
        ["report", pid, "--columns", "size,count,average"],
        ["report", snapshot], ["report", snapshot, "--json"],
        ["diff", snapshot, pid], ["list"], ["list", "--json"],
        ["top", "-b", "-n", "1", pid],
        ["export", pid, "--format", "folded"],
        ["export", pid, "--format", "json"], ["doctor"]]
    for command in commands:
        result = run_bytes(*command)
        wrong = clean(result.stdout) or clean(result.stderr)
        seen = b"PWN" in result.stdout or command[0] in ("doctor",) \
            or "domain" in command
        if "--json" in command and result.returncode == 0 and not wrong:
            json.loads(result.stdout)
        tap.ok(not wrong and seen and result.returncode == 0,
               " ".join(map(str, command[:1] + command[2:])),
               wrong, result.returncode, result.stderr[-500:],
               result.stdout[:300])
    wrong = clean(snapshot.read_bytes())
    tap.ok(not wrong, "the saved snapshot", wrong)


def check_errors(tap, scratch):
    name = os.fsencode(scratch) + b"/\x1b]0;PWN\x07\xff\x9b\xe2\x80\xaePWN"
    for command in ([b"report", name], [b"report", b"--" + name],
                    [b"run", b"--headless", b"--", name], [name],
                    [b"report", b"--sort", name, b"1"],
                    [b"export", b"--format", name, b"1"],
                    [b"snapshot", b"1", b"-o", name]):
        result = subprocess.run([HEAPTOP, *command], capture_output=True,
                                stdin=subprocess.DEVNULL, timeout=60)
        wrong = clean(result.stdout + result.stderr)
        tap.ok(not wrong and result.returncode, f"an error that names it: "
               f"{command[0][:20].decode(errors='replace')!r}"
               if command[0] != name else "an error that names it: alone",
               wrong, result.returncode)


class Screen:
    """The viewer on a terminal; everything that it sends is kept."""

    def __init__(self, *arguments):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 50, 180, 0, 0))
        self.process = subprocess.Popen(
            [HEAPTOP, "--no-config", *map(str, arguments)], stdin=slave,
            stdout=slave, stderr=slave, start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8"})
        os.close(slave)
        self.sent = b""

    def read(self, seconds):
        """Until nothing came for so long. False: the viewer has ended."""
        while select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return False
            if not data:
                return False
            self.sent += data
        return True

    def wait(self, text):
        wait_for(text, lambda: self.read(0.05) and text.encode() in self.sent)

    def press(self, keys):
        os.write(self.master, keys.encode())
        self.read(0.15)

    def leave(self):
        end = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < end:
            self.press("\x1b")
            self.press("q")
        self.process.kill()
        os.close(self.master)
        return self.process.wait()


def check_screens(tap, scratch, pid):
    screen = Screen(pid)
    screen.wait("PWN")
    for keys in KEYS:
        screen.press(keys)
    alive = screen.process.poll() is None
    status = screen.leave()
    tap.ok(alive and status == 0, "the viewer went through all of its views",
           status, screen.sent[-2000:])
    wrong = clean_screen(screen.sent)
    tap.ok(not wrong and len(screen.sent) > 100000,
           f"nothing reached the terminal ({len(screen.sent)} bytes)", wrong)
    screen = Screen()
    screen.wait("PWN")
    screen.press("j")
    screen.leave()
    wrong = clean_screen(screen.sent)
    tap.ok(not wrong, "nor from the list of processes", wrong)


def hostile_library(scratch):
    source = scratch / "grab.c"
    source.write_text('#include <stdlib.h>\n#line 1 "/\033[31mPWN\\u202e.c"\n'
                      "void *grab(void) { return malloc(300000); }\n")
    path = os.fsencode(scratch) + b"/\x1b[2JPWN\xff\xe2\x80\xae.so"
    subprocess.run(["gcc", "-g", "-shared", "-fPIC", "-o", path, source],
                   check=True, capture_output=True)
    return path


def main():
    tap = Tap()
    with workplace() as scratch:
        folder = os.fsencode(scratch) + b"/\x1b]0;PWN\x07\xc2\x9b"
        os.mkdir(folder)
        script = folder + b"/PWN\xe2\x80\xae.py"
        shutil.copy(SOURCE / "tests/programs/hostile.py", script)
        environment = {**os.environ,
                       "PYTHONPATH": str(SOURCE / "share" / "python")}
        library = os.fsdecode(hostile_library(scratch))
        with Program("/usr/bin/python3", os.fsdecode(script), library,
                     env=environment) as program:
            program.line("ready")
            pid = profiled_pid()
            tap.part("outputs", check_outputs, tap, scratch, pid)
            tap.part("errors", check_errors, tap, scratch)
            tap.part("screens", check_screens, tap, scratch, pid)
            tap.equal(program.end()[0], 0, "the program ends well")
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
