#!/usr/bin/python3
"""What programs say of themselves: marks, and units of work done.

The truth is in the programs: how many units, and what each of them keeps.
"""
import shutil
import subprocess
import sys
import urllib.request

from drive import (ALL, HEAPTOP, PYTHON, SOURCE, Failed, Program, Tap, diff,
                   must, profiled_pid, report, wait_for, workplace)

# As tests/programs/said.c has them.
UNITS = 40
KEPT = 1000
TEXTS = ["before", "準備 \\x1b[31m"]

PROGRAM = SOURCE / "tests" / "programs" / "said.c"
MODULE = SOURCE / "share" / "python"

LIBRARY = """
#include <heaptop/heaptop.h>
#ifdef __cplusplus
extern "C"
#endif
void say(void);
void say(void) { heaptop_work(3); heaptop_mark("library"); }
"""
LOADER = """
#include <dlfcn.h>
int main(int count, char **words) {
    void *library = dlopen(words[count - 1], RTLD_NOW);
    void (*say)(void) = (void (*)(void))dlsym(library, "say");
    say();
    return 0;
}
"""

# How programs are built: the references must be found in all of these.
BUILDS = [
    ("C, as usual", ["cc", "-std=c99", "-pedantic", "-O2"], True),
    ("C, not to be moved", ["cc", "-no-pie", "-fno-pic", "-O2"], True),
    ("C, unoptimized", ["cc", "-O0", "-fPIE", "-pie"], True),
    ("C, bound at once", ["cc", "-O2", "-Wl,-z,now,-z,relro"], True),
    ("C, in Intel's syntax", ["cc", "-O2", "-masm=intel"], True),
    ("C, linked as a whole", ["cc", "-O2", "-flto"], True),
    ("C++", ["c++", "-x", "c++", "-std=c++11", "-pedantic", "-O2"], True),
    ("C++20, not to be moved",
     ["c++", "-x", "c++", "-std=c++20", "-no-pie", "-fno-pic"], True),
    ("C by clang", ["clang", "-O2", "-no-pie", "-fno-pic"], True),
    ("C, static", ["cc", "-static"], False),
]

FLASK = """
import sys
sys.path.insert(0, {module!r})
import flask, heaptop, heaptop.middleware
from werkzeug.serving import WSGIRequestHandler, make_server
app = flask.Flask("said")
app.wsgi_app = heaptop.middleware.WSGI(app.wsgi_app)
kept = [None] * 100
@app.route("/")
def view():
    kept[kept.index(None)] = bytes(10000) # here
    return "kept"
@app.route("/stream")
def stream():
    return flask.Response(iter(["a", "b"]))
class Quiet(WSGIRequestHandler):
    def log(self, *words):
        pass
server = make_server("127.0.0.1", 0, app, request_handler=Quiet)
print("port", server.server_port, flush=True)
heaptop.mark("after warm-up")
server.serve_forever()
"""

# Each way of counting, and what it comes to.
WAYS = """
import sys
sys.path.insert(0, {module!r})
import asyncio, heaptop
from heaptop.middleware import ASGI, WSGI

heaptop.work()
heaptop.work(10)
with heaptop.work:
    pass
with heaptop.work():
    pass
@heaptop.work
def done(value):
    "doc"
    return value
assert done(5) == 5 and done.__doc__ == "doc" and done.__name__ == "done"
@heaptop.work
def fails():
    raise KeyError
for function in (fails, fails):
    try:
        function()
    except KeyError:
        pass
    else:
        raise AssertionError
try:
    with heaptop.work:
        raise KeyError
except KeyError:
    pass
@heaptop.work
async def later(value):
    await asyncio.sleep(0)
    return value
loop = asyncio.new_event_loop()
assert loop.run_until_complete(later(7)) == 7
print("ways", 1 + 10 + 1 + 1 + 1 + 2 + 1 + 1)

sent = []
async def application(scope, receive, send):
    assert (await receive())["type"] == "http.request"
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"kept"}})
    if scope.get("fails"):
        raise KeyError
async def idle(scope, receive, send):
    pass
async def receive():
    return {{"type": "http.request"}}
async def send(message):
    sent.append(message["type"])
loop.run_until_complete(ASGI(application)({{"type": "http"}}, receive, send))
try:
    loop.run_until_complete(
        ASGI(application)({{"type": "http", "fails": 1}}, receive, send))
except KeyError:
    sent.append("raised")
loop.run_until_complete(ASGI(idle)({{"type": "lifespan"}}, receive, send))
loop.run_until_complete(ASGI(idle)({{"type": "websocket"}}, receive, send))
assert sent == ["http.response.start", "http.response.body"] * 2 + ["raised"]
print("asgi", 3)

class Body:
    closed = 0
    def __iter__(self):
        yield b"a"
    def close(self):
        Body.closed += 1
def wsgi(environ, start_response):
    if environ["what"] is KeyError:
        raise KeyError
    return environ["what"]
assert WSGI(wsgi)({{"what": [b"whole"]}}, None) == [b"whole"]
response = WSGI(wsgi)({{"what": Body()}}, None)
assert list(response) == [b"a"] and not Body.closed
response.close()
assert Body.closed == 1
response = WSGI(wsgi)({{"what": iter([b"x"])}}, None)
assert list(response) == [b"x"]
response.close()
try:
    WSGI(wsgi)({{"what": KeyError}}, None)
except KeyError:
    pass
print("wsgi", 4)
loop.close()
heaptop.mark("caf\\xe9 \\udcff")
heaptop.mark("x" * 1000)
for number in range(12):
    heaptop.mark(str(number))
"""
WAYS_UNITS = 18 + 3 + 4


def run(*command):
    return subprocess.run([str(word) for word in command], text=True,
                          capture_output=True, timeout=120)


def compile_program(tap, name, command, source, target):
    """False when this machine cannot build such."""
    if not shutil.which(command[0]):
        tap.skip(name, f"no {command[0]} here")
        return False
    include = ["-g", "-Wall", "-Wextra", "-Werror", "-I", SOURCE / "include"]
    built = run(*command, *include, source, "-o", target)
    if built.returncode and ("cannot find" in built.stderr
                             or "plugin" in built.stderr):
        tap.skip(name, built.stderr.splitlines()[0])
        return False
    if built.returncode:
        raise Failed(built.stderr)
    return True


def texts(found):
    return [mark["text"] for mark in found["marks"]]


def check_build(tap, scratch, name, command, answers):
    target, saved = scratch / "said", scratch / "said.json"
    if not compile_program(tap, name, command, PROGRAM, target):
        return
    alone = run(target)
    tap.equal((alone.returncode, alone.stdout), (0, "loaded 0\n"),
              f"{name}: nothing happens without the agent")
    if not answers:
        tap.equal(run(HEAPTOP, "run", "--headless", "--", target).stdout,
                  "loaded 0\n", f"{name}: there is no agent")
        return
    under = run(HEAPTOP, "run", "--headless", "--save", saved, "--", target)
    tap.equal((under.returncode, under.stdout), (0, "loaded 1\n"),
              f"{name}: the agent answers")
    found = report(saved, "--top", ALL, "--filter", "said.c")
    tap.equal(texts(found), TEXTS, f"{name}: the marks")
    tap.equal(found["work"]["units"], UNITS, f"{name}: the work")
    # The other one is the buffer of printf.
    first = found["entries"][0]
    tap.equal((first["size"], first["count"], first["size_per_work"]),
              (UNITS * KEPT, UNITS, KEPT),
              f"{name}: bytes kept for each unit, and nothing of the stop")


def check_library(tap, scratch):
    """Weak references of a library that is loaded later."""
    source, library = scratch / "lib.c", scratch / "lib.so"
    loader, program = scratch / "loader.c", scratch / "loader"
    saved = scratch / "lib.json"
    source.write_text(LIBRARY)
    loader.write_text(LOADER)
    what = "a shared library speaks for its program"
    if not compile_program(tap, what, ["cc", "-shared", "-fPIC"], source,
                           library):
        return
    built = run("cc", loader, "-o", program, "-ldl")
    if built.returncode:
        raise Failed(built.stderr)
    tap.equal(run(program, library).returncode, 0, f"{what}: alone")
    must("run", "--headless", "--save", saved, "--", program, library)
    found = report(saved)
    tap.equal((texts(found), found["work"]["units"]), (["library"], 3), what)
    needed = run("readelf", "-dW", library).stdout
    tap.ok("heaptop" not in needed, "nothing is linked", needed)


def check_ways(tap, scratch):
    script, saved = scratch / "ways.py", scratch / "ways.json"
    script.write_text(WAYS.format(module=str(MODULE)))
    alone = run(PYTHON, script)
    tap.equal((alone.returncode, alone.stdout, alone.stderr),
              (0, "ways 18\nasgi 3\nwsgi 4\n", ""),
              "Python without the agent")
    must("run", "--headless", "--save", saved, "--", PYTHON, script)
    found = report(saved)
    tap.equal(found["work"]["units"], WAYS_UNITS,
              "each way of counting work in Python counts")
    tap.equal(texts(found)[:2], ["caf\xe9 \\udcff", "x" * 255],
              "marks of Python, cut at 255 bytes")
    text = must("report", saved)
    tap.ok("\n4 earlier marks" in text and text.count("\nmark '") == 10
           and "\nmark '11' at " in text, "the last marks as text", text)


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.read()


def units(pid):
    return report(pid).get("work", {}).get("units", 0)


def check_flask(tap, scratch):
    script = scratch / "app.py"
    script.write_text(FLASK.format(module=str(MODULE)))
    if run(PYTHON, "-c", "import flask").returncode:
        tap.skip("Flask", "no flask here")
        return
    line = next(number for number, text in
                enumerate(script.read_text().splitlines(), 1)
                if text.endswith("# here"))
    before, after = scratch / "before.json", scratch / "after.json"
    with Program(PYTHON, script) as program:
        port = program.line(r"^port (\d+)$").group(1)
        pid = profiled_pid()
        for _ in range(3):
            get(port, "/")
        wait_for("the first requests", lambda: units(pid) == 3)
        must("snapshot", pid, "-o", before)
        for _ in range(30):
            get(port, "/")
        for _ in range(10):
            get(port, "/stream")
        wait_for("all requests", lambda: units(pid) == 43)
        must("snapshot", pid, "-o", after)
    found = diff(before, after, "--top", ALL, "--filter", "app.py")
    tap.equal(found["work"], {"units": 43, "units_diff": 40},
              "a unit for each request, also of streams")
    tap.equal(texts(found), ["after warm-up"], "the mark of a service")
    size = 30 * (10000 + bytes(0).__sizeof__())
    entry = next(entry for entry in found["entries"] if entry["line"] == line)
    tap.equal((entry["size_diff"], entry["size_per_work"]),
              (size, round(size / 40, 3)), "bytes kept for each request")
    text = must("diff", before, after, "--filter", "app.py")
    tap.ok("work: 43 units (+40), per_work=+" in text
           and "mark 'after warm-up' at " in text
           and ", per_work=+7" in text, "the same as text", text)
    table = must("diff", before, after, "--filter", "app.py", "--sort",
                 "per-work", "--columns", "per-work,site", "--top", "1")
    tap.ok("PER-WORK" in table and f"app.py:{line}" in table,
           "the same as a column", table)


def main():
    tap = Tap()
    with workplace() as scratch:
        for name, command, answers in BUILDS:
            tap.part(name, check_build, tap, scratch, name, command, answers)
        tap.part("a library", check_library, tap, scratch)
        tap.part("Python", check_ways, tap, scratch)
    with workplace() as scratch:
        tap.part("Flask", check_flask, tap, scratch)
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
