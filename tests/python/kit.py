"""What the tests of the module share: each interpreter, under the agent."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
SOURCE = os.path.abspath(os.environ.get(
    "top_srcdir", os.path.join(os.path.dirname(__file__), "../..")))
sys.path.insert(0, os.path.join(SOURCE, "tests/agent/py"))
import pythons  # noqa: E402

AGENT = os.path.abspath(os.path.join(
    os.environ.get("top_builddir", "."), "heaptop-agent.so"))
MODULE = os.path.join(SOURCE, "share/python")
PROGRAMS = os.path.join(SOURCE, "tests/programs")
FIRST = (3, 6)


def run(python, program, *arguments, agent=True, **settings):
    """Runs a program of tests/programs, which may import heaptop."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("PYTHON", "HEAPTOP_"))}
    env.update(PYTHONPATH=MODULE, PYTHONDONTWRITEBYTECODE="1")
    if agent:
        env["LD_PRELOAD"] = AGENT
    env.update(settings)
    return subprocess.run(
        python.command + [os.path.join(PROGRAMS, program), *arguments],
        env=env, timeout=300, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, universal_newlines=True, errors="replace")


def found(first=FIRST):
    """The interpreters of that version and later; ends the test if there is
    none, or no agent."""
    if not os.path.exists(AGENT):
        pythons.skip_all(AGENT + " is not built")
    some = [python for python in pythons.found() if python.key >= first]
    if not some:
        pythons.skip_all("no Python %d.%d or later on this machine" % first)
    return some
