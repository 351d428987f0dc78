#!/usr/bin/python3
"""What takes no agent, or must not be touched: one line with the next command,
status 1, and the process goes on."""
import os
import shutil
import signal
import subprocess

from attaching import BORROWED, borrowed
from drive import (BUILD, HEAPTOP, Program, Tap, ends_without_trace,
                   heaptop, wait_for, workplace)

NOBODY = 65534
SLEEP = "#include <unistd.h>\nint main(void) { pause(); return 0; }\n"
SECCOMP = r"""
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(void)
{
	struct sock_filter all[] = {
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog filter = {1, all};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
"""
UNLOADABLE = r"""
/* More of the thread-local memory that is set aside than there is. */
__thread char much[1 << 20] __attribute__((tls_model("initial-exec")));
int heaptop_agent_attach(const char *settings)
{
	much[0] = settings[0];
	return much[0];
}
"""


def refused(tap, what, pid, *parts, **options):
    """attach says these parts in one line, and fails."""
    result = heaptop("attach", "--timeout", "3", pid, **options)
    lines = result.stderr.splitlines()
    tap.ok(result.returncode == 1 and len(lines) == 1 and
           lines[0].startswith("heaptop: ") and
           all(part in lines[0] for part in parts),
           f"{what}: {lines[0] if lines else result.stdout}", result)


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def compiled(scratch, name, text, *flags, compiler="gcc"):
    source = scratch / f"{name}.c"
    source.write_text(text)
    subprocess.run([compiler, "-O1", "-o", scratch / name, source, *flags],
                   check=True, timeout=100, capture_output=True)
    return scratch / name


def check_program(tap, what, program, *parts):
    """A program that sleeps is refused and lives on."""
    with Program(program, bare=True) as running:
        pid = running.process.pid
        wait_for("the program to sleep", lambda: state(pid) == "S")
        refused(tap, what, pid, *parts)
        tap.equal(running.process.poll(), None, f"{what}: it lives on")


def check_none(tap):
    refused(tap, "no such process", 4194303, "ps -e")
    tap.equal(heaptop("attach", "sh").returncode, 2, "a name is wrong usage")
    tap.equal(heaptop("attach").returncode, 2, "nothing is wrong usage")
    kernel = [pid for pid in os.listdir("/proc") if pid.isdigit() and
              not os.path.exists(f"/proc/{pid}/exe")]
    if os.path.exists("/proc/2/stat") and "2" in kernel:
        refused(tap, "a thread of the kernel", 2, "kernel")
    else:
        tap.skip("a thread of the kernel", "none is seen from here")


def check_zombie(tap):
    child = os.fork()
    if child == 0:
        os._exit(0)
    wait_for("a zombie", lambda: state(child) == "Z")
    refused(tap, "a zombie", child, "has ended")
    os.waitpid(child, 0)


def check_stopped(tap):
    with borrowed("nanosleep", 100) as program:
        pid = program.process.pid
        os.kill(pid, signal.SIGSTOP)
        wait_for("it to stop", lambda: state(pid) == "T")
        refused(tap, "a stopped one", pid, f"kill -CONT {pid}")
        os.kill(pid, signal.SIGCONT)


def check_thread(tap):
    with borrowed("threads", 100) as program:
        pid = program.process.pid
        tids = wait_for("threads", lambda: [
            tid for tid in os.listdir(f"/proc/{pid}/task")
            if int(tid) != pid])
        refused(tap, "one of its threads", tids[0], f"heaptop attach {pid}")


def check_traced(tap, tracer, *command):
    if not shutil.which(tracer):
        tap.skip(f"traced by {tracer}", f"{tracer} is not installed")
        return
    with borrowed("nanosleep", 100) as program:
        pid = program.process.pid
        with subprocess.Popen([tracer, *[part.format(pid) for part in command]],
                              stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as other:
            wait_for("it to be traced", lambda: f"TracerPid:\t{other.pid}"
                     in open(f"/proc/{pid}/status").read())
            refused(tap, f"traced by {tracer}", pid, tracer, str(other.pid))
            other.kill()


def check_user(tap, scratch):
    """As somebody else; and as root, who lacks the right to trace."""
    if os.geteuid() != 0:
        tap.skip("another user", "only root can become one")
        tap.skip("no SYS_PTRACE", "only root has it to lose")
        return
    with borrowed("nanosleep", 100) as program:
        pid = program.process.pid
        public = scratch / "public"
        public.mkdir()
        for path in (scratch, public):
            path.chmod(0o755)
        shutil.copy(HEAPTOP, public / "heaptop")
        shutil.copy(BUILD / "heaptop-agent.so", public)
        result = subprocess.run(
            ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY),
             "--clear-groups", public / "heaptop", "attach", str(pid)],
            capture_output=True, text=True, timeout=60)
        tap.ok(result.returncode == 1 and
               f"sudo heaptop attach {pid}" in result.stderr and
               "'root'" in result.stderr,
               f"another user: {result.stderr.strip()}")
    uid = ["setpriv", "--reuid", str(NOBODY), "--clear-groups"]
    with Program(*uid, shutil.copy(BORROWED, public), "nanosleep", "100",
                 bare=True) as program:
        program.line("^ready$")
        pid = program.process.pid
        result = subprocess.run(
            ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace",
             HEAPTOP, "attach", str(pid)],
            capture_output=True, text=True, timeout=60)
        tap.ok(result.returncode == 1 and
               "--cap-add=SYS_PTRACE" in result.stderr,
               f"no SYS_PTRACE: {result.stderr.strip()}")


def check_setuid(tap, scratch):
    """A program with the rights of its file."""
    if os.geteuid() != 0:
        tap.skip("setuid", "only root can make such a program")
        return
    program = compiled(scratch, "raised", SLEEP)
    shutil.copy(program, scratch / "public" / "raised")
    program = scratch / "public" / "raised"
    program.chmod(0o4755)
    with Program("setpriv", "--reuid", str(NOBODY), "--clear-groups", program,
                 bare=True) as running:
        pid = running.process.pid
        wait_for("it to run", lambda: os.readlink(f"/proc/{pid}/exe")
                 == str(program) and state(pid) == "S")
        refused(tap, "setuid", pid, "setuid")


def check_agent(tap, scratch):
    """An agent that others could have written, and one that cannot load."""
    with borrowed("nanosleep", 100) as program:
        pid = program.process.pid
        agent = scratch / "heaptop-agent-open.so"
        shutil.copy(BUILD / "heaptop-agent.so", agent)
        agent.chmod(0o777)
        refused(tap, "an agent that others may write", pid, str(agent),
                env={**os.environ, "HEAPTOP_AGENT": str(agent)})
        library = compiled(scratch, "heaptop-agent-much.so", UNLOADABLE,
                           "-shared", "-fPIC")
        refused(tap, "no room for its thread-local memory", pid,
                "static TLS", env={**os.environ,
                                   "HEAPTOP_AGENT": str(library)})
        tap.equal(program.process.poll(), None, "and the program lives on")


def check_memory(tap):
    """A process that may not have more address space than it has."""
    with borrowed("nanosleep", 100) as program:
        pid = program.process.pid
        subprocess.run(["prlimit", "--pid", str(pid), "--as=1048576"],
                       check=True)
        refused(tap, "RLIMIT_AS", pid, f"/proc/{pid}/limits")
        tap.equal(program.process.poll(), None, "and the program lives on")


def main():
    tap = Tap()
    ends_without_trace(tap)
    with workplace() as scratch:
        tap.part("none", check_none, tap)
        tap.part("zombie", check_zombie, tap)
        tap.part("stopped", check_stopped, tap)
        tap.part("thread", check_thread, tap)
        tap.part("strace", check_traced, tap, "strace", "-p", "{}")
        tap.part("gdb", check_traced, tap, "gdb", "-q", "-nx", "-p", "{}")
        tap.part("static", check_program, tap, "static",
                 compiled(scratch, "static", SLEEP, "-static"), "statically")
        if shutil.which("musl-gcc"):
            tap.part("musl", check_program, tap, "musl",
                     compiled(scratch, "musl", SLEEP, compiler="musl-gcc"),
                     "musl")
        else:
            tap.skip("musl", "musl-gcc is not installed")
        try:
            narrow = compiled(scratch, "narrow", SLEEP, "-m32", "-static")
            tap.part("32 bit", check_program, tap, "32 bit", narrow, "32 bit")
        except subprocess.CalledProcessError:
            tap.skip("32 bit", "the compiler makes no such programs")
        with Program(compiled(scratch, "filtered", SECCOMP),
                     bare=True) as program:
            program.line("^ready$")
            refused(tap, "seccomp", program.process.pid, "seccomp")
        tap.part("user", check_user, tap, scratch)
        tap.part("setuid", check_setuid, tap, scratch)
        tap.part("agent", check_agent, tap, scratch)
        tap.part("memory", check_memory, tap)
    tap.done()


if __name__ == "__main__":
    main()
