#!/usr/bin/python3
"""What an attacker might try, each a line of a table.

The agent's side: somebody else put something where the segment or the agent is
to be. The viewer's side: a segment, a snapshot, a source or a settings file
says what it likes. Each is refused with one line, or does no harm: the program
under heaptop goes on as without it, and heaptop ends in time.
"""
import contextlib
import gzip
import mmap
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from drive import (BUILD, EXAMPLES, HEAPTOP, PYTHON, Failed, Program, Tap,
                   heaptop, must, profiled_pid, report, segments, wait_for,
                   workplace)

STRANGER = 100000 + os.getpid()  # user ids that nobody has
OTHER = STRANGER + 10000000
PAGE = 4096
STATUS = 3 * PAGE
BODY = 5 * PAGE
ATTACKS = []


class Skip(Exception):
    """Why an attack cannot be tried here."""


def attack(what):
    def add(function):
        ATTACKS.append((what, function))
        return function
    return add


def require(holds, *seen):
    if not holds:
        raise Failed(" ".join(str(thing) for thing in seen)[:3000])


def need_root():
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise Skip("only root can become somebody else")


class Stage:
    """Where it happens: scratch space that others may enter, with heaptop and
    its agent, a directory of segments, and a program that waits."""

    def __init__(self, scratch):
        self.scratch = scratch
        scratch.chmod(0o755)
        self.home = scratch / "bin"
        self.home.mkdir()
        for name in ("heaptop", "heaptop-agent.so"):
            shutil.copy(BUILD / name, self.home / name)
            (self.home / name).chmod(0o755)
        self.heaptop = str(self.home / "heaptop")
        self.agent = str(self.home / "heaptop-agent.so")
        self.leak = scratch / "leak"
        subprocess.run(["gcc", "-g", "-O1", "-o", self.leak,
                        EXAMPLES / "leak.c"], check=True)
        self.victim = scratch / "victim"
        self.count = 0

    def place(self, name="place"):
        self.count += 1
        path = self.scratch / f"{name}{self.count}"
        path.mkdir(mode=0o700)
        return path

    def preloaded(self, directory, *command, user=None, **env):
        """Runs a command with the agent in it; its segment stays. Whatever the
        directory is, the command does what it does."""
        environment = {**os.environ, "HEAPTOP_DIR": str(directory),
                       "HEAPTOP_KEEP": "1", **env}
        if directory is None:
            del environment["HEAPTOP_DIR"]
        command = command or ("/bin/echo", "it ran")
        result = subprocess.run(
            [*as_user(user), "env", f"LD_PRELOAD={self.agent}",
             *map(str, command)], env=environment, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
        require(result.returncode == 0 and result.stderr == "",
                "the program", result)
        return result.stdout

    def run(self, *command, user=None, **env):
        """heaptop as some user."""
        return subprocess.run(
            [*as_user(user), self.heaptop, *map(str, command)],
            env={**os.environ, **env}, text=True, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=60)

    def dead(self):
        """The bytes of a segment whose process was killed."""
        with Program(self.leak, "50000") as program:
            program.line("served")
            pid = profiled_pid()
            path = segments()[pid]
            wait_for("it to be published",
                     lambda: report(path)["total"]["count"] > 1)
            os.kill(pid, signal.SIGKILL)
            program.end()
        data = path.read_bytes()
        path.unlink()
        return data


def as_user(user):
    if user is None:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


def left_in(place):
    return sorted(path.name for path in Path(place).rglob("*.heaptop"))


def one_line(result, *words, status=1):
    require(result.returncode == status and result.stderr.count("\n") == 1
            and all(word in result.stderr for word in words)
            and "\x1b" not in result.stderr, result, words)


def runs_without(stage, what, word, **env):
    """`heaptop run` says in one line that it does without the agent."""
    result = stage.run("run", "--headless", "--", "/bin/echo", "it ran", **env)
    require(result.returncode == 0 and result.stdout == "it ran\n"
            and result.stderr.count("\n") == 1 and word in result.stderr,
            what, result)


# Where the segment is to be.

@attack("the directory of segments is a symbolic link")
def _(stage):
    there, link = stage.place(), stage.scratch / "link"
    link.symlink_to(there)
    require(stage.preloaded(link) == "it ran\n" and not left_in(there),
            left_in(there))
    runs_without(stage, "run", "link", HEAPTOP_DIR=str(link))
    one_line(stage.run("list", HEAPTOP_DIR=str(link)), "link")


@attack("it is a file, or a pipe that nobody reads")
def _(stage):
    file, fifo = stage.scratch / "file", stage.scratch / "fifo"
    file.write_text("mine")
    os.mkfifo(fifo)
    for path in (file, fifo):
        require(stage.preloaded(path) == "it ran\n", path)
        runs_without(stage, "run", path.name, HEAPTOP_DIR=str(path))
        one_line(stage.run("list", HEAPTOP_DIR=str(path)), path.name)
    require(file.read_text() == "mine", "the file was changed")


@attack("it may be written by others")
def _(stage):
    place = stage.place()
    for mode in (0o777, 0o1777, 0o770):
        place.chmod(mode)
        require(stage.preloaded(place) == "it ran\n" and not left_in(place),
                oct(mode), left_in(place))
        runs_without(stage, oct(mode), "others may write",
                     HEAPTOP_DIR=str(place))
        one_line(stage.run("list", HEAPTOP_DIR=str(place)), "others may write")


@attack("it belongs to somebody else")
def _(stage):
    need_root()
    place = stage.place()
    os.chown(place, OTHER, OTHER)
    place.chmod(0o755)
    require(stage.preloaded(place) == "it ran\n" and not left_in(place), place)
    place.chmod(0o777)
    require(stage.preloaded(place, user=STRANGER) == "it ran\n"
            and not left_in(place), "as another user")


@contextlib.contextmanager
def default_directory(owner):
    """The default directory of STRANGER, but somebody else's."""
    path = Path(f"/dev/shm/heaptop-{STRANGER}")
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o755)
        os.chown(path, owner, owner)
    before = os.environ.pop("HEAPTOP_DIR")
    try:
        yield path
    finally:
        os.environ["HEAPTOP_DIR"] = before
        shutil.rmtree(path, ignore_errors=True)


def forged(stage, place, process):
    """A segment of a process, made by somebody else."""
    start = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")")[1]
    path = place / f"{process.pid}-{start.split()[19]}.heaptop"
    path.write_bytes(stage.dead_bytes)
    path.chmod(0o644)


@attack("the default one was there first, with forged segments")
def _(stage):
    need_root()
    for owner, viewer in ((OTHER, STRANGER), (OTHER, None)):
        with default_directory(owner) as path:
            require(stage.preloaded(None, user=STRANGER) == "it ran\n"
                    and not left_in(path), left_in(path))
            process = subprocess.Popen([*as_user(STRANGER), "cat"],
                                       stdin=subprocess.PIPE)
            wait_for("the user to be another", lambda: os.stat(
                f"/proc/{process.pid}").st_uid == STRANGER)
            forged(stage, path, process)
            one_line(stage.run("report", process.pid, user=viewer),
                     "belongs to another user")
            if viewer:
                one_line(stage.run("list", user=viewer),
                         "belongs to another user")
            process.communicate()


EXEC_INTO = """
set -- $(cat /proc/$$/stat)
%s
LD_PRELOAD=$AGENT exec /bin/echo it ran
"""


def with_name_taken(stage, take):
    """The segment's own name exists already when the agent comes to it."""
    place = stage.place()
    stage.victim.write_text("mine")
    name = f"{place}/$$-${{22}}.heaptop"
    result = subprocess.run(
        ["sh", "-c", EXEC_INTO % take.format(name=name, victim=stage.victim)],
        env={**os.environ, "AGENT": stage.agent, "HEAPTOP_KEEP": "1",
             "HEAPTOP_DIR": str(place)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    require((result.returncode, result.stdout, result.stderr)
            == (0, "it ran\n", ""), result)
    require(stage.victim.read_text() == "mine", "the victim was written to")
    for path in place.iterdir():
        info = path.lstat()
        require(path.is_dir() or info.st_mode == 0o100600
                and info.st_nlink == 1, path, oct(info.st_mode))


@attack("the segment's name is a symbolic link to a file")
def _(stage):
    with_name_taken(stage, 'ln -s {victim} "{name}"')


@attack("it is a hard link to a file")
def _(stage):
    with_name_taken(stage, 'ln {victim} "{name}"')


@attack("it is a directory")
def _(stage):
    with_name_taken(stage, 'mkdir "{name}"')


@attack("it is a pipe")
def _(stage):
    with_name_taken(stage, 'mkfifo "{name}"')


@attack("HEAPTOP_DIR is relative")
def _(stage):
    os.makedirs(stage.scratch / "relative", mode=0o700, exist_ok=True)
    stage.preloaded("relative", "sh", "-c", f"cd {stage.scratch}; /bin/true")
    require(not left_in(stage.scratch / "relative"), "the agent followed it")
    for path in Path(f"/dev/shm/heaptop-{os.geteuid()}").glob("*.heaptop"):
        if not Path("/proc", path.name.split("-")[0]).exists():
            path.unlink()


@attack("another user reads a segment, whatever the umask")
def _(stage):
    need_root()
    place = stage.place()
    stage.preloaded(place, "sh", "-c", "umask 0; exec /bin/true")
    place.chmod(0o755)
    path = next(place.iterdir())
    require(path.stat().st_mode == 0o100600, oct(path.stat().st_mode))
    one_line(stage.run("report", path, user=STRANGER), "ermission denied")
    result = subprocess.run([*as_user(STRANGER), "cat", path],
                            capture_output=True)
    require(result.returncode != 0 and not result.stdout, result)


@attack("a segment is a symbolic link to another user's file")
def _(stage):
    place = stage.place()
    stage.victim.write_bytes(stage.dead_bytes)
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    start = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")")[1]
    link = place / f"{process.pid}-{start.split()[19]}.heaptop"
    link.symlink_to(stage.victim)
    result = stage.run("report", process.pid, HEAPTOP_DIR=str(place))
    process.communicate()
    one_line(result, link.name)
    result = stage.run("list", HEAPTOP_DIR=str(place))
    require("symbolic link" in result.stdout + result.stderr, result)


# What is loaded.

@attack("the agent, or a folder on its way, may be written by others")
def _(stage):
    folder = stage.place("agent")
    folder.chmod(0o755)
    agent = folder / "heaptop-agent.so"
    shutil.copy(stage.agent, agent)
    agent.chmod(0o755)
    for path, mode in ((agent, 0o757), (folder, 0o757), (folder, 0o777)):
        before = path.stat().st_mode
        path.chmod(mode)
        runs_without(stage, (path, oct(mode)), "written by others",
                     HEAPTOP_AGENT=str(agent))
        one_line(stage.run("env", HEAPTOP_AGENT=str(agent)),
                 "written by others")
        path.chmod(before)
    result = stage.run("env", HEAPTOP_AGENT=str(agent))
    require(result.returncode == 0 and str(agent) in result.stdout, result)


@attack("the agent belongs to another user, or its group may write it")
def _(stage):
    need_root()
    folder = stage.place("agent")
    folder.chmod(0o755)
    agent = folder / "heaptop-agent.so"
    shutil.copy(stage.agent, agent)
    os.chown(agent, OTHER, OTHER)
    runs_without(stage, "owner", "another user", HEAPTOP_AGENT=str(agent))
    os.chown(agent, 0, OTHER)
    agent.chmod(0o775)
    runs_without(stage, "group", "written by others",
                 HEAPTOP_AGENT=str(agent))


@attack("the agent's path is relative, or a link to elsewhere")
def _(stage):
    link = stage.home / "link.so"
    link.symlink_to(stage.agent)
    result = subprocess.run(
        [stage.heaptop, "env"], cwd=stage.home, text=True,
        env={**os.environ, "HEAPTOP_AGENT": "./link.so"}, capture_output=True)
    require(f"'{stage.agent}" in result.stdout, result)


def privileged(stage, raise_it):
    """A program that gains rights when it starts has no agent in it."""
    need_root()
    place = stage.place()
    place.chmod(0o700)
    os.chown(place, STRANGER, STRANGER)
    program = stage.scratch / f"raised{stage.count}"
    shutil.copy(shutil.which("id"), program)
    program.chmod(0o755)
    raise_it(program)
    before = subprocess.run([*as_user(STRANGER), program, "-u"], text=True,
                            capture_output=True).stdout
    require(stage.preloaded(place, program, "-u", user=STRANGER) == before
            and not left_in(place), before, left_in(place))
    result = stage.run("run", "--headless", "--", program, "-u",
                       user=STRANGER, HEAPTOP_DIR=str(place))
    require(result.stdout == before and "runs without it" in result.stderr,
            result)


@attack("a setuid program")
def _(stage):
    privileged(stage, lambda program: program.chmod(0o4755))


@attack("a program with file capabilities")
def _(stage):
    def raise_it(program):
        # Version 2, effective; CAP_NET_RAW.
        value = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
        try:
            os.setxattr(program, "security.capability", value)
        except OSError as error:
            raise Skip(f"no capabilities on files here: {error}") from error
    privileged(stage, raise_it)


@attack("HEAPTOP_ variables full of garbage")
def _(stage):
    dice = random.Random(3)
    names = ("MODE", "BUDGET", "UNWINDER", "NATIVE", "FREELISTS", "RUN",
             "KEEP", "ONLY", "SCRIPT", "UNWIND_LOG")
    for value in ("", "\x1b[2J", "-1", "99999999999999999999", "sample:",
                  "sample:-1", "%n%s", "x" * 100000,
                  "".join(chr(dice.randrange(1, 0xd800))
                          for _ in range(500))):
        env = {f"HEAPTOP_{name}": value for name in names}
        require(stage.preloaded(stage.place(), **env) == "it ran\n", value)
        result = stage.run("list", **env, COLUMNS=value, NO_COLOR=value)
        require(result.returncode == 0 and "\x1b" not in result.stdout
                and result.stderr.count("\n") <= 1, result)


# What a viewer reads.

def limited():
    """An address space in which a bomb does not fit."""
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))


def ends_well(path, *options, seconds=60):
    """Read or refused, in time and in little memory."""
    result = subprocess.run(
        [HEAPTOP, "report", *options, path], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=seconds, preexec_fn=limited)
    require(result.returncode in (0, 1) and result.stderr.count("\n") <= 1
            and (result.returncode == 0) == (result.stderr == ""), result)
    return result


@attack("counts and offsets in a segment that are too large")
def _(stage):
    bad = stage.scratch / "large.heaptop"
    for offset in (32, 40, 48, 56, 64, 72, 80):
        for value in (1 << 27, (1 << 32) - 1, (1 << 64) - 1):
            data = bytearray(stage.dead_bytes)
            for page in (STATUS, STATUS + PAGE):
                struct.pack_into("<Q", data, page + offset, value)
            bad.write_bytes(data)
            ends_well(bad)


@attack("a ring and names of gigabytes that are holes")
def _(stage):
    bad = stage.scratch / "holes.heaptop"
    data = bytearray(stage.dead_bytes)
    for page in (STATUS, STATUS + PAGE):
        struct.pack_into("<Q", data, page + 32, 2 << 30)  # file_size
        struct.pack_into("<Q", data, page + 40, BODY)
        struct.pack_into("<Q", data, page + 48, 1 << 24)  # ring_slots
        struct.pack_into("<Q", data, page + 64, (1 << 24) - 1)  # sites
    bad.write_bytes(data)
    os.truncate(bad, 2 << 30)
    ends_well(bad)
    bad.unlink()


@contextlib.contextmanager
def meanwhile(action):
    """Does it again and again in a thread."""
    over = threading.Event()

    def turn():
        while not over.is_set():
            action()

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@attack("a segment whose bytes change while it is read")
def _(stage):
    bad = stage.scratch / "flips.heaptop"
    bad.write_bytes(stage.dead_bytes)
    dice = random.Random(4)
    with open(bad, "r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        def flip():
            for _ in range(50):
                at = dice.randrange(PAGE * 2, len(stage.dead_bytes) - 8)
                view[at:at + 4] = stage.dead_bytes[at:at + 4]
                at = dice.randrange(PAGE * 2, len(stage.dead_bytes) - 8)
                view[at] = dice.randrange(256)

        with meanwhile(flip):
            for _ in range(8):
                ends_well(bad)
            result = heaptop("top", "-b", "-n", "10", "-d", "0.1", bad)
            require(result.returncode in (0, 1), result)


@attack("a segment that is cut short while it is read")
def _(stage):
    bad = stage.scratch / "cut.heaptop"
    bad.write_bytes(stage.dead_bytes)
    dice = random.Random(5)

    def cut():
        os.truncate(bad, dice.randrange(len(stage.dead_bytes)))
        with open(bad, "r+b") as file:
            file.write(stage.dead_bytes)

    with meanwhile(cut):
        for _ in range(8):
            ends_well(bad)
        result = heaptop("top", "-b", "-n", "10", "-d", "0.1", bad)
        require(result.returncode in (0, 1), result)


@attack("a segment on a disk, and one on FUSE")
def _(stage):
    place = stage.place()
    stage.preloaded(place, stage.leak, "100")
    ends_well(next(place.iterdir()))
    if not os.path.exists("/dev/fuse"):
        print("# no FUSE here: only the disk was tried")


@attack("snapshots that are bombs: deep, long, and packed")
def _(stage):
    bad = stage.scratch / "bomb.json"
    head = b'{"format": "heaptop snapshot", "version": 1, '
    for data in (b'{"a":' * 1000000, b"[" * 1000000,
                 head + b'"x": "' + b"a" * (64 << 20) + b'"}',
                 head + b'"sites": [' + b"[" * 1000000,
                 head + b'"x": ' + b"1" * 1000000 + b"}"):
        bad.write_bytes(data)
        one_line(ends_well(bad), "bomb.json")
    with gzip.open(bad, "wb", 9) as file:
        file.write(head)
        for _ in range(256):
            file.write(bytes([32]) * (1 << 20))
    one_line(ends_well(bad), "bomb.json")


# What it opens because a segment names it.

def line_of_source(stage, path):
    """The text of a program's source, when its debug information says that it
    is at path."""
    source = stage.scratch / "named.c"
    source.write_text(
        "#include <stdio.h>\n#include <stdlib.h>\n"
        f'#line 1 "{path}"\n'
        "int main(void) { char *kept = malloc(1000000); *kept = 1;\n"
        'puts("served"); fflush(stdout); return getchar() + *kept > 99; }\n')
    program = stage.scratch / "named"
    subprocess.run(["gcc", "-g", "-O0", "-w", "-o", program, source],
                   check=True)
    with Program(program) as running:
        running.line("served")
        pid = profiled_pid()
        found = must("report", pid, "--group-by", "traceback")
        shown = report(pid)
        running.end()
    wait_for("its segment to be gone", lambda: not segments())
    require(any(entry["size"] >= 1000000 for entry in shown["entries"]),
            shown)
    return found


@attack("a source file that is a pipe, a device, a directory, or huge")
def _(stage):
    fifo = stage.scratch / "source.fifo"
    os.mkfifo(fifo)
    huge = stage.scratch / "huge.c"
    huge.touch()
    os.truncate(huge, 1 << 40)
    start = time.monotonic()
    for path in (fifo, huge, stage.scratch, "/dev/zero", "/proc/kmsg",
                 "/etc/shadow/../shadow"):
        line_of_source(stage, path)
    require(time.monotonic() - start < 60, "it waited")


@attack("a module that is a pipe, or names one for its debug information")
def _(stage):
    source = stage.scratch / "module.c"
    source.write_text("#include <stdlib.h>\n"
                      "void *grab(void) { return malloc(300000); }\n")
    module = stage.scratch / "module.so"
    fifo = stage.scratch / "debug.fifo"
    os.mkfifo(fifo)
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wl,--build-id=none", "-o",
                    module, source], check=True)
    link = stage.scratch / "link.bin"
    link.write_bytes(b"../" * 10 + os.fsencode(fifo)[1:] + b"\0" * 4
                     + b"\1\2\3\4")
    subprocess.run(["objcopy", "--add-section", f".gnu_debuglink={link}",
                    module], check=True)
    code = ("import ctypes, sys; it = ctypes.CDLL(sys.argv[1]); "
            "it.grab.restype = ctypes.c_void_p; it.grab(); "
            "print('served', flush=True); sys.stdin.read()")
    start = time.monotonic()
    for swap in (False, True):
        with Program(PYTHON, "-c", code, module) as running:
            running.line("served")
            pid = profiled_pid()
            if swap:
                module.unlink()
                os.mkfifo(module)
            require(report(pid)["total"]["count"], "no report")
            running.end()
        wait_for("its segment to be gone", lambda: not segments())
    require(time.monotonic() - start < 60, "it waited")


def copy_into(root, *programs):
    """Programs and the libraries that they need, below root."""
    for program in programs:
        listed = subprocess.run(["ldd", program], text=True, check=True,
                                capture_output=True).stdout
        needed = [word for word in listed.split() if word.startswith("/")]
        for path in (str(program), *needed):
            there = root / path.lstrip("/")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(path), there)


@attack("links below /proc/PID/root that lead out of it")
def _(stage):
    need_root()
    root, place = stage.place("root"), Path(os.environ["HEAPTOP_DIR"])
    root.chmod(0o755)
    secret = stage.scratch / "secret.c"
    secret.write_text("SECRET\n" * 40)
    copy_into(root, stage.leak, stage.agent)
    source = root / os.path.realpath(EXAMPLES / "leak.c").lstrip("/")
    source.parent.mkdir(parents=True, exist_ok=True)
    source.symlink_to(secret)
    for name in ("proc", "segments"):
        (root / name).mkdir()
    script = (f"mount -t proc none {root}/proc && "
              f"mount --bind {place} {root}/segments && "
              f"LD_PRELOAD={stage.agent} HEAPTOP_DIR=/segments "
              f"exec chroot {root} {stage.leak} 50000")
    if subprocess.run(["unshare", "-m", "true"]).returncode != 0:
        raise Skip("no mount namespaces here")
    with Program("sh", "-c", f"unshare -m sh -c '{script}'",
                 bare=True) as running:
        running.line("served")
        pid = wait_for("the segment", lambda: next(iter(
            pid for pid in segments()
            if os.readlink(f"/proc/{pid}/exe").endswith("leak")), None))
        found = must("report", pid, "--group-by", "traceback")
        running.end()
    require("leak" in found and "SECRET" not in found, found)


# Settings, and the one page that viewers write.

@attack("a settings file that is hostile, a pipe, a device, or a directory")
def _(stage):
    folder = stage.place("config") / "heaptop"
    folder.mkdir()
    config, script = folder / "config", stage.scratch / "script"
    script.write_text("dump -\nquit\n")
    bad = stage.scratch / "settings.heaptop"
    bad.write_bytes(stage.dead_bytes)

    def look():
        result = subprocess.run(
            [HEAPTOP, "--script", script, bad], stdin=subprocess.DEVNULL,
            env={**os.environ, "XDG_CONFIG_HOME": str(folder.parent)},
            capture_output=True, timeout=30)
        text = (result.stdout + result.stderr).decode()
        require(result.returncode in (0, 1) and "\x1b" not in text
                and "\x9b" not in text, config, result)

    for text in ("\x1b]0;x\x07 = \x1b[2J\n", "theme = \x1b[2J\x9b\n",
                 "theme = /dev/zero\n", f"theme = {stage.scratch}\n",
                 "columns = " + "size," * 5000 + "\n", "x" * (4 << 20),
                 "theme = " + "../" * 2000 + "etc/shadow\n", "\0\0\0\n"):
        config.write_text(text)
        look()
    for make in (os.mkfifo, os.mkdir, lambda path: path.symlink_to(
            "/dev/zero"), lambda path: path.symlink_to(path)):
        config.rmdir() if config.is_dir() and not config.is_symlink() \
            else config.unlink()
        make(config)
        look()


WORK = """
import sys, hashlib
made, digest = [], hashlib.sha256()
while not made or made[-1] != b"stop":
    for line in sys.stdin.buffer:
        kept = [bytes([n % 256]) * (n % 300) for n in range(3000)]
        digest.update(b"".join(kept[::7]))
        made.append(line.strip())
        print(len(made), digest.hexdigest(), flush=True)
    break
"""


def work(program, rounds):
    for turn in range(1, rounds + 1):
        program.say("go\n")
        program.line(f"^{turn} ")
    return program.end()


@attack("a viewer that writes garbage into the control page")
def _(stage):
    with Program(PYTHON, "-c", WORK, bare=True) as program:
        wanted = work(program, 60)[:2]
    with Program(PYTHON, "-c", WORK) as program:
        program.say("go\n")
        program.line("^1 ")
        path = segments()[profiled_pid()]
        dice = random.Random(6)
        with open(path, "r+b") as file, \
                mmap.mmap(file.fileno(), 2 * PAGE) as view:
            def scribble():
                for _ in range(20):
                    at = PAGE + dice.randrange(44)
                    view[at] = dice.choice((0, 1, 255, dice.randrange(256)))
                view[PAGE + 44:2 * PAGE] = dice.randbytes(PAGE - 44)

            with meanwhile(scribble):
                for turn in range(2, 60):
                    program.say("go\n")
                    program.line(f"^{turn} ")
                result = heaptop("report", path)
                require(result.returncode in (0, 1), result)
            view[PAGE:2 * PAGE] = bytes(PAGE)
        program.say("go\n")
        program.line("^60 ")
        require(program.end()[:2] == wanted, "its output is another")


@attack("nothing goes to the network, whatever DEBUGINFOD_URLS says")
def _(stage):
    if not shutil.which("strace"):
        raise Skip("no strace here")
    bad, log = stage.scratch / "net.heaptop", stage.scratch / "net.log"
    bad.write_bytes(stage.dead_bytes)
    result = subprocess.run(
        ["strace", "-f", "-e", "trace=socket,connect,bind", "-o", log,
         HEAPTOP, "report", "--group-by", "traceback", bad],
        env={**os.environ, "DEBUGINFOD_URLS": "http://127.0.0.1:9"},
        capture_output=True, text=True, timeout=60)
    if result.returncode and "ptrace" in result.stderr:
        raise Skip("strace may not trace here")
    calls = [line for line in log.read_text().splitlines()
             if "socket(" in line or "connect(" in line]
    require(result.returncode == 0 and not calls, result, calls)


def main():
    tap = Tap()
    with workplace() as scratch:
        stage = Stage(scratch)
        stage.dead_bytes = stage.dead()
        for what, function in ATTACKS:
            try:
                function(stage)
            except Skip as why:
                tap.skip(what, why)
            except Exception as error:
                tap.ok(False, what, f"{type(error).__name__}: {error}")
            else:
                tap.ok(True, what)
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
