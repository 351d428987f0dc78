#!/usr/bin/python3
"""Processes in namespaces of their own, looked at from outside."""
import contextlib
import os
import re
import subprocess

from drive import (BUILD, HEAPTOP, PYTHON, Failed, Program, Tap, heaptop,
                   load, must, report, wait_for, workplace)

KIN = BUILD / "tests" / "programs" / "kin"
AGENT = BUILD / "heaptop-agent.so"
BEFORE, CHILD, AFTER = (100000, 10), (100000, 5), (60000, 2)
INSIDE = ["unshare", "--mount", "--pid", "--fork", "--mount-proc",
          "--kill-child"]


def started_in(group):
    """Our numbers of the kins of a process group, by their own: the parent
    has the smallest."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.getpgid(int(pid)) != group:
                continue
            with open(f"/proc/{pid}/status", encoding="utf-8") as status:
                text = status.read()
            if re.search(r"^Name:\tkin$", text, re.M):
                own = re.search(r"^NSpid:.*\t(\d+)$", text, re.M).group(1)
                found[int(own)] = int(pid)
    return [found[own] for own in sorted(found)]


def contain(script, **env):
    """A shell script in a container; $KIN and $AGENT are set."""
    return Program(*INSIDE, "sh", "-e", "-c", script, bare=True,
                   env={**os.environ, "KIN": str(KIN), "AGENT": str(AGENT),
                        **env})


def both_of(program):
    program.line("^parent ")
    program.line("^child ")
    return wait_for("parent and child", lambda: (
        lambda pids: pids if len(pids) == 2 else None)(
            started_in(program.process.pid)))


def held(pid):
    done = heaptop("report", pid, "--json", "--group-by", "function")
    if done.returncode:
        return {}
    return {entry["function"]: (entry["size"], entry["count"])
            for entry in load(done.stdout)["entries"]}


def check_both(program):
    parent, child = both_of(program)
    wait_for("the parent's blocks", lambda: held(parent) == {
        "before": BEFORE, "after": AFTER})
    wait_for("the child's blocks", lambda: held(child) == {
        "before": BEFORE, "in_child": CHILD})
    return parent, child


@contextlib.contextmanager
def usual_directory():
    """Nobody says where segments go."""
    chosen = os.environ.pop("HEAPTOP_DIR")
    try:
        yield
    finally:
        os.environ["HEAPTOP_DIR"] = chosen


def check_own_mounts(tap):
    """As in a container with what docker gives it for /dev/shm."""
    with usual_directory(), contain(
            "mount -t tmpfs -o size=64m,mode=1777 tmpfs /dev/shm\n"
            'LD_PRELOAD=$AGENT exec "$KIN" fork') as program:
        parent, child = check_both(program)
        inside = f"/proc/{parent}/root/dev/shm/heaptop-{os.getuid()}"
        os.environ["HEAPTOP_DIR"] = inside
        listed = must("list")
        found = load(must("report", "--family", parent, "--json"))
        del os.environ["HEAPTOP_DIR"]
        status = program.end()[0]
    tap.ok(status == 0, "a container's processes by their numbers outside")
    tap.ok(all(f"{pid} running" in listed for pid in (parent, child)) and
           len(found["processes"]) == 2,
           "its directory can be named: list and family", listed)


def check_read_only(tap):
    with usual_directory(), contain(
            "mount -t tmpfs -o mode=1777 tmpfs /dev/shm\n"
            "mount -o remount,bind,ro /\n"
            'LD_PRELOAD=$AGENT exec "$KIN" fork') as program:
        check_both(program)
        tap.equal(program.end()[0], 0, "a root file system that is read-only")


def check_one_directory(tap):
    """Two whose first processes both have the number 1, at the same time."""
    script = 'LD_PRELOAD=$AGENT exec "$KIN" fork'
    with contain(script) as first, contain(script) as second:
        pids = [*check_both(first), *check_both(second)]
        listed = must("list")
        families = [load(must("report", "--family", pid, "--json"))
                    for pid in pids]
        members = [sorted(p["pid"] for p in found["processes"])
                   for found in families]
        ends = [first.end()[0], second.end()[0]]
    tap.ok(all(f"{pid} running" in listed for pid in pids),
           "two containers with one directory: each is itself", listed)
    tap.equal(members, [sorted(pids[:2])] * 2 + [sorted(pids[2:])] * 2,
              "and has its own family")
    tap.equal(ends, [0, 0], "and ends well")


def check_no_directory(tap):
    with usual_directory(), contain(
            "mount -t tmpfs -o ro tmpfs /dev/shm\n"
            f'"{HEAPTOP}" run --headless -- sh -c "exit 3"') as program:
        status, _, errors = program.end()
    tap.ok(status == 3 and "set HEAPTOP_DIR" in errors and
           errors.count("\n") == 1,
           "no /dev/shm to write to: said in one line, and the program runs",
           status, errors)
    with usual_directory(), contain(
            "mount -t tmpfs -o ro tmpfs /dev/shm\n"
            'LD_PRELOAD=$AGENT exec "$KIN" fork') as program:
        program.line("^child ")
        status, _, errors = program.end()
    tap.ok(status == 0 and not errors, "and without heaptop in silence",
           status, errors)


def check_user_namespace(tap):
    """It is closed to a process with two threads."""
    bare = subprocess.run(["unshare", "-Ur", "id", "-u"], text=True,
                          capture_output=True, check=False)
    if bare.returncode:
        tap.skip("unshare -Ur", "user namespaces are not allowed here: " +
                 bare.stderr.strip())
        return
    for command in (["unshare", "-Ur", "id", "-u"],
                    ["unshare", "-Urpf", "--mount-proc", "id", "-u"]):
        done = heaptop("run", "--headless", "--", *command)
        tap.equal((done.returncode, done.stdout, done.stderr), (0, "0\n", ""),
                  " ".join(command))
    with Program("unshare", "-Ur", "sh", "-c", "echo in $$; read x",
                 bare=True) as other:
        pid = other.line(r"in (\d+)").group(1)
        done = heaptop("run", "--headless", "--", "nsenter", "-U", "-t", pid,
                       "echo", "entered")
        tap.equal((done.returncode, done.stdout, done.stderr),
                  (0, "entered\n", ""), "nsenter -U")


REUSE = r"""
import os, subprocess, sys
kin, agent = sys.argv[1:]
def start(wanted, env):
    with open("/proc/sys/kernel/ns_last_pid", "w") as last:
        last.write(str(wanted - 1))
    process = subprocess.Popen([kin, "bomb", "0"], env=env, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == f"parent {process.pid}\n"
    assert process.pid == wanted, process.pid
    return process
with_agent = {**os.environ, "LD_PRELOAD": agent}
step = lambda what: (print(what, flush=True), sys.stdin.readline())
one = start(500, with_agent)
step("first")
one.kill(); one.wait()
two = start(500, os.environ)
step("second")
two.kill(); two.wait()
three = start(500, with_agent)
step("third")
three.kill(); three.wait()
"""


def check_reuse(tap):
    """A number that is used again: by a program without the agent, then with
    it. By its name, since numbers from outside are others."""
    def inside():
        return [line.split()[1] for line in must("list").splitlines()
                if str(KIN) in line]
    with Program(*INSIDE, PYTHON, "-c", REUSE, KIN, AGENT,
                 bare=True) as program:
        program.line("^first$")
        wait_for("the first", lambda: inside() == ["running"])
        program.say("\n")
        program.line("^second$")
        tap.equal(inside(), ["killed"],
                  "another that has its number is not taken for it")
        program.say("\n")
        program.line("^third$")
        wait_for("the third", lambda: sorted(inside()) == ["killed",
                                                           "running"])
        program.say("\n")
        tap.equal(program.end()[0], 0, "and may have a segment too")


def main():
    tap = Tap()
    if subprocess.run([*INSIDE, "true"], capture_output=True,
                      check=False).returncode:
        print("1..0 # SKIP namespaces take root, and the rights for them")
        return
    with workplace():
        for check in (check_own_mounts, check_read_only, check_one_directory,
                      check_no_directory, check_user_namespace, check_reuse):
            tap.part(check.__name__, check, tap)
    tap.done()


if __name__ == "__main__":
    main()
