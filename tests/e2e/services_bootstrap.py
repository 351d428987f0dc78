#!/usr/bin/python3
"""The two commands of the README: what they install, and what the demo shows.

apt-get is a stand-in here that writes down how it was called; whether Debian's
own brings what the tables of bootstrap say, a fresh machine tells.
"""
import os
import re
import shutil
import subprocess
import sys

from drive import HEAPTOP, SOURCE, Tap, workplace

MISSING = "tmux"  # as if it were not installed

APT_GET = """#!/bin/sh
echo "$*" >>{log}
case "$*" in *install*) {install} ;; esac
"""


def tree(scratch, install):
    """A copy of bootstrap with a PATH where one command is missing."""
    place = scratch / "tree"
    commands = scratch / "bin"
    for folder in (place, commands):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    shutil.copy(SOURCE / "bootstrap", place)
    for folder in os.environ["PATH"].split(":") + ["/usr/sbin", "/sbin"]:
        if not os.path.isdir(folder):
            continue
        for name in os.listdir(folder):
            if not os.path.lexists(commands / name):
                os.symlink(os.path.join(folder, name), commands / name)
    for name in (MISSING, "apt-get", "sudo"):
        if os.path.lexists(commands / name):
            os.unlink(commands / name)
    fake = commands / "apt-get"
    fake.write_text(APT_GET.format(log=scratch / "apt.log", install=install))
    fake.chmod(0o755)
    fake = commands / "sudo"
    fake.write_text('#!/bin/sh\nwhile :; do case $1 in\n'
                    '-*) shift ;; *) break ;; esac; done\nexec "$@"\n')
    fake.chmod(0o755)
    (scratch / "apt.log").write_text("")
    return place, commands


def bootstrap(place, commands, *arguments):
    return subprocess.run([place / "bootstrap", *arguments], text=True,
                          capture_output=True, stdin=subprocess.DEVNULL,
                          env={**os.environ, "PATH": str(commands)})


def check_usage(tap, scratch):
    for arguments in ([], ["dance"], ["build", "now"]):
        result = subprocess.run([SOURCE / "bootstrap", *arguments], text=True,
                                capture_output=True)
        tap.ok(result.returncode == 2 and result.stdout == ""
               and result.stderr.startswith("usage:"),
               f"usage: bootstrap {' '.join(arguments)}", result)


def check_installs(tap, scratch):
    commands = scratch / "bin"
    bring = f"/bin/ln -s /bin/true {commands / MISSING}"
    place, commands = tree(scratch, bring)
    result = bootstrap(place, commands, "deps")
    if "installed, but still not found" in result.stderr:
        tap.skip("bootstrap installs", "something else is missing here")
        return
    calls = (scratch / "apt.log").read_text()
    tap.ok(result.returncode == 0
           and f"installing with apt-get: {MISSING}\n" in result.stdout,
           "what is missing is named and installed", result)
    tap.ok("update" in calls and "install -y" in calls, "by apt-get", calls)
    (scratch / "apt.log").write_text("")
    result = bootstrap(place, commands, "deps")
    tap.equal((result.returncode, (scratch / "apt.log").read_text()), (0, ""),
              "once all is there, apt-get is left alone")


def check_no_network(tap, scratch):
    reason = "Temporary failure resolving the archive"
    place, commands = tree(scratch, f"echo 'E: {reason}'; exit 100")
    result = bootstrap(place, commands, "deps")
    tap.ok(result.returncode == 1 and result.stderr.count("\n") == 1
           and reason in result.stderr and "network" in result.stderr,
           "without network: one line, and what to do", result)


def check_demo(tap, scratch):
    result = subprocess.run([SOURCE / "share/examples/demo", HEAPTOP],
                            text=True, capture_output=True, timeout=300,
                            stdin=subprocess.DEVNULL)
    tap.ok(result.returncode == 0 and result.stderr == "",
           "the demo runs to its end", result)
    parts = result.stdout.split("$ heaptop diff ")
    tap.ok(len(parts) == 4 and re.search(
        r"^/.*/matplotlib/.*\.py:\d+: size=.* \(\+", parts[1], re.M),
        "it shows matplotlib's lines", result.stdout)
    tap.ok(len(parts) == 4 and re.match(
        r".*--mine.*\n/.*/flask_figures\.py:\d+: size=", parts[2]),
        "then the service's own line", result.stdout)
    tap.ok(len(parts) == 4 and "plt.subplots" in parts[3]
           or "savefig" in parts[-1], "then the way between them",
           result.stdout)
    tap.ok("\nSeen: " in result.stdout, "and says what was seen")


def main():
    tap = Tap()
    for check in (check_usage, check_installs, check_no_network, check_demo):
        with workplace() as scratch:
            tap.part(check.__name__, check, tap, scratch)
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
