"""pip installs the module from the source tree."""
import os
import re
import shutil
import subprocess
import tempfile

import kit

WHAT = "pip installs share/python, and what it installs imports"
PIP = 20  # the first that finds a backend in the source tree


def install(python, place):
    source = os.path.join(place, "source")
    shutil.copytree(kit.MODULE, source)
    return run(python.command + [
        "-m", "pip", "install", "--no-deps", "--no-index", "--quiet",
        "--disable-pip-version-check", "--target",
        os.path.join(place, "target"), source])


def run(command, **settings):
    return subprocess.run(command, env=dict(os.environ, **settings), cwd="/",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, timeout=300).stdout


def has_pip(python):
    said = run(python.command + ["-m", "pip", "--version"])
    found = re.match(r"pip (\d+)", said)
    return bool(found) and int(found.group(1)) >= PIP


def main():
    some = kit.found()
    tap = kit.pythons.Tap(len(some))
    for python in some:
        what = "%s: %s" % (python.version, WHAT)
        if not has_pip(python):
            tap.skip(what, "no pip %d or later" % PIP)
            continue
        with tempfile.TemporaryDirectory() as place:
            said = install(python, place)
            target = os.path.join(place, "target")
            seen = run(python.command + [
                "-c", "import heaptop; print(heaptop.__file__)"],
                PYTHONPATH=target)
            tap.point(seen.startswith(target), what, said + seen)
    tap.end()


main()
