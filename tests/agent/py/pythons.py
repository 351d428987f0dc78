"""The interpreters of this machine, and a few lines of TAP."""
import glob
import os
import subprocess
import sys

TOP = os.path.abspath(os.environ.get("top_builddir", "."))
BUILD = os.path.join(TOP, "tests/agent/py")
SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
SHIM = os.path.join(BUILD, "shim.so")
FETCHED = os.path.join(TOP, "pythons/usr")  # what fetch_pythons.sh unpacked
LIBRARIES = os.path.join(FETCHED, "lib/x86_64-linux-gnu")
LOADER = [os.path.join(LIBRARIES, "ld-linux-x86-64.so.2"), "--library-path",
          LIBRARIES]
PROBE = ("import sys, sysconfig; print('%d.%d.%d' % sys.version_info[:3] + "
         "('t' if sysconfig.get_config_var('Py_GIL_DISABLED') else '') + "
         "('d' if hasattr(sys, 'gettotalrefcount') else '')); "
         "print(sysconfig.get_path('include'))")

# Debian's executables are static, and its library is another package.
WHERE = """
import os, sys, sysconfig
get = sysconfig.get_config_var
name = get('INSTSONAME') or ''
if not get('Py_ENABLE_SHARED'):
    name = 'libpython%d.%d.so.1.0' % sys.version_info[:2]
folders = [get('LIBDIR') or '', os.path.join(sys.prefix, 'lib',
                                             get('MULTIARCH') or '')]
paths = [os.path.join(folder, name) for folder in folders]
print(([path for path in paths if os.path.isfile(path)] + [''])[0])
print(sys.prefix)
"""


class Python:
    """command: a list. version: with t for free-threaded builds, with d for
    debug builds."""

    def __init__(self, command):
        self.command = command
        lines = subprocess.run(command + ["-c", PROBE], check=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               universal_newlines=True).stdout.split("\n")
        self.version, self.include = lines[:2]

    @property
    def key(self):
        return tuple(int(part) for part in
                     self.version.rstrip("td").split("."))

    @property
    def free_threaded(self):
        return "t" in self.version

    @property
    def is_fetched(self):
        return self.command[0].startswith(FETCHED + "/bin")

    def run(self, arguments, **settings):
        env = {key: value for key, value in os.environ.items()
               if not key.startswith("PYTHON")}
        env.update(settings, LD_PRELOAD=SHIM, PYTHONDONTWRITEBYTECODE="1")
        return subprocess.run(self.command + arguments, env=env, timeout=300,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, errors="replace")


def found():
    """One of each version, oldest first; HEAPTOP_TEST_PYTHONS adds more, and
    says how to run them: commands, one a line."""
    patterns = ["/usr/bin/python3.[0-9]", "/usr/bin/python3.[0-9][0-9]",
                "/usr/bin/python3.[0-9]*-nogil",
                "/usr/bin/python3.[0-9]*-dbg",
                "/usr/local/bin/python3.[0-9]*[0-9t]",
                os.path.expanduser("~/.pyenv/versions/3.*/bin/python3"),
                os.path.join(FETCHED, "bin/python3.[0-9][0-9]"),
                os.path.join(TOP, "pythons/free-threaded/bin/python3.*t")]
    commands = [[path] for pattern in patterns
                for path in sorted(glob.glob(pattern))]
    commands += [line.split() for line in
                 os.environ.get("HEAPTOP_TEST_PYTHONS", "").split("\n")
                 if line.strip()]
    pythons = {}
    for command in commands:
        try:
            python = Python(command)
        except (OSError, ValueError, subprocess.CalledProcessError):
            continue
        if python.key >= (3, 6):
            pythons.setdefault(python.version, python)
    return sorted(pythons.values(), key=lambda python: python.key)


def libraries():
    """The shared libpythons: (python, path of the library, PYTHONHOME)."""
    cases = []
    for python in found():
        if "d" in python.version:
            continue
        library, prefix = subprocess.run(
            python.command + ["-c", WHERE], check=True,
            stdout=subprocess.PIPE,
            universal_newlines=True).stdout.split("\n")[:2]
        if library:
            cases.append((python, library, prefix))
    return cases


class Tap:
    def __init__(self, plan):
        self.count = self.failed = 0
        print("1..%d" % plan, flush=True)

    def point(self, good, what, details=""):
        self.count += 1
        self.failed += not good
        print("%sok %d - %s" % ("" if good else "not ", self.count, what))
        for line in [] if good else details.strip().split("\n")[:30]:
            print("# " + line)
        sys.stdout.flush()

    def skip(self, what, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, what, why), flush=True)

    def end(self):
        sys.exit(1 if self.failed else 0)


def skip_all(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)
