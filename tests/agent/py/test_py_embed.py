"""Starts every shared libpython of the machine three times in one process."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import pythons  # noqa: E402

PROGRAM = os.path.join(pythons.BUILD, "../../programs/py_embed")
WHERE = ("import os, sys, sysconfig; get = sysconfig.get_config_var; "
         "path = os.path.join(get('LIBDIR') or '', get('INSTSONAME') or ''); "
         "print(path if get('Py_ENABLE_SHARED') else ''); print(sys.prefix)")


def main():
    cases = []
    for python in pythons.found():
        library, prefix = subprocess.run(
            python.command + ["-c", WHERE], check=True,
            stdout=subprocess.PIPE,
            universal_newlines=True).stdout.split("\n")[:2]
        if os.path.isfile(library) and not library.endswith(".a"):
            cases.append((python.version, library, prefix))
    if not cases:
        pythons.skip_all("no shared libpython on this machine")
    tap = pythons.Tap(2 * len(cases))
    for version, library, prefix in cases:
        for when in ("before", "after"):
            env = dict(os.environ, LD_PRELOAD=pythons.SHIM, PYTHONHOME=prefix)
            done = subprocess.run([PROGRAM, library, when], env=env,
                                  stdout=subprocess.PIPE, timeout=120,
                                  stderr=subprocess.STDOUT,
                                  universal_newlines=True)
            tap.point(done.returncode == 0, "%s, found %s it starts"
                      % (version, when), done.stdout)
    tap.end()


main()
