"""Starts every shared libpython of the machine three times in one process."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import pythons  # noqa: E402

PROGRAM = os.path.join(pythons.BUILD, "../../programs/py_embed")
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


def main():
    cases = []
    for python in pythons.found():
        if "d" in python.version:
            continue
        library, prefix = subprocess.run(
            python.command + ["-c", WHERE], check=True,
            stdout=subprocess.PIPE,
            universal_newlines=True).stdout.split("\n")[:2]
        if library:
            cases.append((python, library, prefix))
    if not cases:
        pythons.skip_all("no shared libpython on this machine")
    tap = pythons.Tap(2 * len(cases))
    for python, library, prefix in cases:
        loader = pythons.LOADER if python.is_fetched else []
        for when in ("before", "after"):
            env = dict(os.environ, LD_PRELOAD=pythons.SHIM, PYTHONHOME=prefix)
            done = subprocess.run([*loader, PROGRAM, library, when], env=env,
                                  stdout=subprocess.PIPE, timeout=120,
                                  stderr=subprocess.STDOUT,
                                  universal_newlines=True)
            tap.point(done.returncode == 0, "%s, found %s it starts"
                      % (python.version, when), done.stdout)
    tap.end()


main()
