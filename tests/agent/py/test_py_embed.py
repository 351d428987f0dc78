"""Starts every shared libpython of the machine three times in one process."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import pythons  # noqa: E402

PROGRAM = os.path.join(pythons.BUILD, "../../programs/py_embed")


def main():
    cases = pythons.libraries()
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
