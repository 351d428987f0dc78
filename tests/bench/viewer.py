"""The viewer on a terminal: how soon it paints, and what it costs."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

from table import print_row, spread

TICKS = os.sysconf("SC_CLK_TCK")


def many_source(sites):
    """A program whose every site, each a line, changes all the time."""
    lines = ["#include <stdio.h>", "#include <stdlib.h>", "#include <time.h>",
             f"static void *kept[{sites}];"]
    for number in range(sites):
        lines.append(f"static void *site_{number}(size_t size) "
                     "{ return malloc(size); }")
    lines.append("static void *(*const all[])(size_t) = {")
    lines += [f"site_{number}," for number in range(sites)]
    lines += ["};", "int main(void)", "{",
              "struct timespec rest = { 0, 20000000 };",
              "for (size_t round = 1;; round++) {",
              f"for (size_t i = 0; i < {sites}; i++) {{",
              "free(kept[i]);",
              "kept[i] = all[i](16 + (round * 31 + i * 17) % 4000);", "}",
              'if (round == 1) { puts("ready"); fflush(stdout); }',
              "nanosleep(&rest, NULL);", "}", "}"]
    return "\n".join(lines) + "\n"


class Screen:
    """The viewer on a terminal that nobody sees."""

    def __init__(self, command, lines=50, columns=200):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ,
                    struct.pack("HHHH", lines, columns, 0, 0))
        self.start = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"})
        os.close(slave)
        self.master = master
        self.bytes = 0
        self.text = b""

    def read(self, seconds, until=None):
        """Reads for so long, or until a pattern was shown. Returns when."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.master], [], [], left)[0]:
                break
            data = os.read(self.master, 65536)
            self.bytes += len(data)
            self.text = (self.text + data)[-200000:]
            if until and re.search(until, self.text):
                return time.monotonic() - self.start
        return None

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def close(self):
        os.write(self.master, b"q")
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


def measure_viewer(heaptop, scratch, rounds):
    """First paint of a list of 2,000 sites, and its price at 10 Hz."""
    target = subprocess.Popen([heaptop, "run", "--headless", "--",
                               scratch / "many"], stdout=subprocess.PIPE,
                              text=True, start_new_session=True)
    try:
        target.stdout.readline()
        pid = profiled_pid()
        listed = json_of([heaptop, "report", "--json", "--top", "0", pid])
        paints, shares, sent = [], [], []
        for _ in range(rounds):
            screen = Screen([heaptop, pid])
            paints.append(screen.read(10, rb"many\.c:\d+") or 10.0)
            screen.read(2)
            cpu, count, start = screen.cpu(), screen.bytes, time.monotonic()
            screen.read(6)
            taken = time.monotonic() - start
            shares.append((screen.cpu() - cpu) / taken * 100)
            sent.append((screen.bytes - count) / taken)
            screen.close()
        return len(listed["entries"]), paints, shares, sent
    finally:
        os.killpg(target.pid, signal.SIGKILL)
        target.wait()


def json_of(command):
    return json.loads(subprocess.run(command, check=True,
                                     capture_output=True).stdout)


def profiled_pid():
    """The one process that is profiled; its segment may be on its way."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for segment in Path(os.environ["HEAPTOP_DIR"]).glob("*.heaptop"):
            return segment.name.split("-")[0]
        select.select([], [], [], 0.01)
    raise RuntimeError("the program has no segment")


def print_viewer(heaptop, scratch, rounds):
    (scratch / "many.c").write_text(many_source(2000))
    subprocess.run(["gcc", "-std=gnu11", "-O0", "-g", scratch / "many.c",
                    "-o", scratch / "many"], check=True)
    rows, paints, shares, sent = measure_viewer(heaptop, scratch, rounds)
    print_row([f"viewer, 200x50, {rows:,} rows", "median (range)"])
    print_row(["---"] * 2)
    print_row(["first paint, ms after the start",
               spread([paint * 1000 for paint in paints], "{:.0f}")])
    print_row(["CPU at 10 Hz, % of a core", spread(shares, "{:.2f}")])
    print_row(["bytes sent to the terminal a second", spread(sent, "{:,.0f}")])
