#!/usr/bin/python3
"""glibc's tests of malloc and LTP's, built here, pass as alone.

	conformance_built.py [FOLDER]...

The Linux Test Project's are those of processes and memory. Each is run without
the agent and with it. A folder, or a line of HEAPTOP_TEST_SOURCES, holds the
sources of one of them: glibc's are in Debian's package glibc-source, a tar file,
LTP's at github.com/linux-test-project/ltp. What needs none: conformance.py.
"""
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from drive import BUILD, Tap, workplace  # noqa: E402

AGENT = str(BUILD / "heaptop-agent.so")
TIMEOUT = 120  # seconds for one test
JOBS = os.cpu_count() or 1

# What glibc's own build says, where its tests stand alone.
GLIBC_FLAGS = ["-w", "-O1", "-fno-builtin", "-D_GNU_SOURCE", "-D_ISOMAC",
               "-Dattribute_hidden=", "-DTIMEOUTFACTOR=1",
               "-Dlibc_hidden_proto(name)=", "-Dlibc_hidden_def(name)=",
               *(f'-D{name}_PATH="/usr"' for name in (
                   "SRCDIR", "SLIBDIR", "SBINDIR", "ROOTSBINDIR", "OBJDIR",
                   "LIBDIR", "INSTDIR", "COMPLOCALEDIR", "BINDIR",
                   "OBJDIR_ELF_LDSO")),
               *(word for name in ("stddef.h", "stdbool.h", "stdio.h",
                                   "limits.h", "unistd.h")
                 for word in ("-include", name))]
GLIBC_HEADERS = ("array_length.h", "intprops.h", "intprops-internal.h",
                 "libc-diag.h", "scratch_buffer.h", "malloc-size.h",
                 "malloc-alignment.h")
# Parts of others, and static programs.
GLIBC_NOT = ("tst-interpose-aux", "tst-interpose-static",
             "tst-interpose-skeleton")

LTP = ("fork", "vfork", "clone", "clone3", "execve", "mmap", "munmap",
       "mremap", "brk", "sbrk", "sigaltstack", "memfd_create", "fallocate",
       "setrlimit", "prctl")

# What cannot be the same, and why.
KNOWN = {}


def quietly(*command, **how):
    return subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", **how)


def each(function, items):
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        return list(pool.map(function, items))


def glibc_headers(source, scratch):
    """A folder with what the tests want and the system does not have."""
    headers = scratch / "headers"
    headers.mkdir()
    for name in GLIBC_HEADERS:
        for folder in (source / "include", source / "sysdeps/generic"):
            if (folder / name).exists():
                (headers / name).symlink_to(folder / name)
    for name in ("support", "malloc"):
        (headers / name).symlink_to(source / name)
    (headers / "stackinfo.h").write_text("#define _STACK_GROWS_DOWN 1\n")
    return ["-I", headers, "-I", source / "support"]


def glibc(source, scratch):
    """The tests that can be built, by name: commands."""
    flags = GLIBC_FLAGS + glibc_headers(source, scratch)

    def compiled(path):
        object = scratch / f"{path.stem}.o"
        done = quietly("gcc", *flags, "-c", path, "-o", object)
        return object if done.returncode == 0 else None

    def program(path):
        more = path.with_name(path.name.replace("interpose", "interpose-aux"))
        more = [more] if more != path and more.exists() else []
        done = quietly("gcc", *flags, "-I", source / "malloc", path, *more,
                       library, "-o", scratch / path.stem, "-lpthread", "-ldl",
                       "-lm")
        return done.returncode == 0

    support = [path for path in (source / "support").glob("*.c")
               if not path.name.startswith(("tst-", "test-", "shell-", "echo-",
                                            "true-", "links-dso"))
               and not path.name.endswith("_main.c")]
    support.append(source / "support" / "support_test_main.c")
    library = scratch / "support.a"
    quietly("ar", "rc", library, *filter(None, each(compiled, support)),
            check=True)
    tests = sorted(path for path in (source / "malloc").glob("tst-*.c")
                   if not path.name.startswith(GLIBC_NOT))
    built = each(program, tests)
    return {path.stem: [scratch / path.stem]
            for path, good in zip(tests, built) if good}


def ltp(source, scratch):
    """Likewise."""
    plain = {key: value for key, value in os.environ.items()
             if key not in ("top_srcdir", "top_builddir", "srcdir")}
    tree = scratch / "ltp"
    shutil.copytree(source, tree, symlinks=True)
    for command in (["make", "autotools"], ["./configure"],
                    ["make", f"-j{JOBS}", "-C", "lib"]):
        done = quietly(*command, cwd=tree, env=plain)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout[-500:]}")
    calls = tree / "testcases/kernel/syscalls"
    quietly("make", f"-j{JOBS}", "-k", "-C", "testcases/lib", cwd=tree,
            env=plain)
    for name in LTP:
        quietly("make", "-k", f"-j{JOBS}", "-C", calls / name,
                env=plain)
    # A test is in the list of tests with its arguments.
    commands = {}
    for line in (tree / "runtest/syscalls").read_text().splitlines():
        words = line.split("#")[0].split()
        found = [calls / name / words[1] for name in LTP
                 if words and (calls / name / words[1]).is_file()]
        if found:
            commands[words[0]] = [found[0], *words[2:]]
    return commands


def results(commands, agent, scratch, one_by_one):
    """By name: the status."""
    def run(name):
        folder = Path(tempfile.mkdtemp(dir=scratch))
        command = commands[name]
        where = str(Path(command[0]).parent)
        try:
            return quietly(
                *command, cwd=folder, timeout=TIMEOUT,
                env={**os.environ, **({"LD_PRELOAD": AGENT} if agent else {}),
                     "PATH": f"{where}:{os.environ['PATH']}",
                     "TMPDIR": str(folder),
                     "LTPROOT": str(scratch / "ltp")}).returncode
        except subprocess.TimeoutExpired:
            return "too slow"

    names = sorted(commands)
    done = [run(name) for name in names] if one_by_one else each(run, names)
    return dict(zip(names, done))


def compare(tap, what, commands, scratch):
    """How many pass alone and with the agent."""
    bare, under = (results(commands, agent, scratch, what != "glibc")
                   for agent in (False, True))
    passed = [name for name in commands if bare[name] == 0]
    lost = {name: under[name] for name in passed
            if under[name] != 0 and name not in KNOWN}
    tap.ok(passed and not lost,
           f"{what}: what passes alone passes with the agent",
           f"with another status: {lost}")
    print(f"# {what}: {len(commands)} built, {len(passed)} pass alone; with "
          f"the agent, too: {len(passed) - len(lost)}; alone fail: "
          f"{sorted(set(commands) - set(passed))}", flush=True)
    return len(passed) - len(lost)


def kind(folder):
    if (folder / "malloc").is_dir() and (folder / "support").is_dir():
        return "glibc", glibc
    if (folder / "testcases/kernel/syscalls").is_dir():
        return "LTP", ltp
    return None, None


def main():
    tap = Tap()
    folders = [word for word in sys.argv[1:] if not word.startswith("--")]
    folders += os.environ.get("HEAPTOP_TEST_SOURCES", "").splitlines()
    passed = 0
    for folder in map(Path, folders):
        what, build = kind(folder)
        if not what:
            sys.exit(f"{folder}: neither glibc's sources nor LTP's")
        with workplace() as scratch:
            scratch.chmod(0o755)
            passed += compare(tap, what, build(folder.resolve(), scratch),
                              scratch)
    if not folders:
        tap.skip("other people's tests, built from their sources",
                 "HEAPTOP_TEST_SOURCES names no folder")
    print(f"# reached: {passed} results as alone")
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
