"""What the tests of attach share."""
import os
import re
import subprocess

from drive import BUILD, Failed, Program, heaptop, wait_for

BORROWED = BUILD / "tests" / "programs" / "borrowed"
PATIENT = ("--timeout", "60")


def borrowed(kind, seconds):
    """The program, which has begun with what it does."""
    program = Program(BORROWED, kind, seconds, bare=True)
    program.line("^ready$")
    return program


def attach(pid, *options):
    """Puts the agent into a process. Returns how many ms a thread stood."""
    result = heaptop("attach", *PATIENT, *options, pid)
    if result.returncode != 0 or result.stderr:
        raise Failed(f"attach {pid}: status {result.returncode}: "
                     f"{result.stderr.strip()}")
    stood = re.search(r"stood still for ([0-9.]+) ms", result.stdout)
    return float(stood.group(1)) if stood else 0.0


def detach(pid):
    result = heaptop("detach", pid)
    if result.returncode != 0 or result.stderr:
        raise Failed(f"detach {pid}: status {result.returncode}: "
                     f"{result.stderr.strip()}")
    return result.stdout


def maps(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        return file.read()


def threads(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"Threads:\s*(\d+)", file.read()).group(1))


def policies(pid):
    """How the threads of a process are scheduled."""
    return {os.sched_getscheduler(int(tid))
            for tid in os.listdir(f"/proc/{pid}/task")}


def is_left_alone(tap, what, pid, before):
    """Nothing of the agent runs, and no memory of ours is left over."""
    wait_for("the agent's thread to end", lambda: threads(pid) <= before)
    nameless = [line for line in maps(pid).splitlines()
                if "r-xp" in line and len(line.split()) < 6]
    tap.equal(nameless, [], f"{what}: no code is left that is in no file")
    tap.equal(policies(pid), {os.SCHED_OTHER},
              f"{what}: its threads are ordinary ones")
    tap.ok("TracerPid:\t0" in open(f"/proc/{pid}/status").read(),
           f"{what}: nobody traces it")


def library(scratch, name, text, *flags):
    """Compiles a text of C, into a program or a library."""
    source = scratch / f"{name}.c"
    source.write_text(text)
    subprocess.run(["gcc", "-O1", "-o", scratch / name, source, *flags],
                   check=True, timeout=100)
    return scratch / name


def outcome(command, **options):
    """What a command prints and returns when nobody attaches."""
    result = subprocess.run(list(map(str, command)), capture_output=True,
                            text=True, timeout=120, **options)
    return result.returncode, result.stdout.splitlines(), result.stderr
