#!/usr/bin/python3
"""Real programs, started bare: attached to, they do what they did; their
sites are found; and detached, they go on."""
import glob
import os
import pty
import shutil
import subprocess
import urllib.request

from attaching import attach, detach, is_left_alone, threads
from drive import (EXAMPLES, PYTHON, Program, Tap, ends_without_trace,
                   report, wait_for, workplace)
from services_programs import redis_server

LOOP = """
import sys, threading
done = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), done.set())).start()
print("ready", flush=True)
def work():
    kept = []
    while not done.is_set():
        kept.append([str(i) for i in range(1000)])
        if len(kept) > 50:
            kept.clear()
work()
print("done")
"""
INPUT = """
kept = []
while True:
    try:
        line = input("ready\\n")
    except EOFError:
        break
    kept.append([line + str(i) for i in range(10000)])
print(len(kept))
"""
SERVER = """
import http.server, sys, threading
kept = []
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kept.append([self.path + str(i) for i in range(1000)])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(len(kept)).encode())
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("port", server.server_address[1], flush=True)
sys.stdin.read()
print(len(kept))
"""
SQL = """create table t (id integer primary key, name text);
with recursive n(i) as (select 1 union all select i + 1 from n limit {})
  insert into t(name) select 'name ' || i from n;
select count(*) from t;
"""


def pythons():
    found = glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3"))
    return [PYTHON, *sorted(found)]


def check_loop(tap, python):
    with Program(python, "-c", LOOP, bare=True) as program:
        program.line("^ready$")
        pid = program.process.pid
        before = threads(pid)
        for _ in range(2):
            attach(pid)
            wait_for("the line that allocates", lambda: any(
                entry["line"] == 9 for entry in report(pid)["entries"]))
            detach(pid)
        is_left_alone(tap, python, pid, before)
        tap.equal(program.end(), (0, ["ready", "done"], ""),
                  f"{python}: goes on, and its lines are found")


def check_input(tap):
    """It waits for a line, and gets it after the agent came and went."""
    with Program(PYTHON, "-c", INPUT, bare=True) as program:
        program.line("^ready$")
        pid = program.process.pid
        attach(pid)
        program.say("one\n")
        wait_for("the strings of a line", lambda: any(
            entry["line"] == 8 and entry["count"] >= 10000
            for entry in report(pid)["entries"]))
        detach(pid)
        program.say("two\n")
        wait_for("the second line", lambda: program.lines.count("ready") == 3)
        status, lines, errors = program.end()
        tap.equal((status, lines[-1], errors), (0, "2", ""),
                  "python in input(): every line arrives")


def get(port, path="/"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}",
                                timeout=60) as answer:
        return answer.read()


def check_server(tap):
    """A server of threads answers before, while and after."""
    with Program(PYTHON, "-c", SERVER, bare=True) as program:
        port = program.line(r"^port (\d+)$").group(1)
        pid = program.process.pid
        get(port)
        attach(pid)
        for _ in range(20):
            get(port)
        found = [entry for entry in report(pid)["entries"]
                 if entry["line"] == 6]
        tap.ok(found and found[0]["count"] >= 19000,
               "python's threaded server: what its requests keep is found",
               found)
        detach(pid)
        get(port)
        status, lines, errors = program.end()
        tap.equal((status, lines[-1], errors), (0, "22", ""),
                  "python's threaded server: answers all")


def check_flask(tap):
    """The leak of the first story, in a service that nobody restarted."""
    with Program(PYTHON, EXAMPLES / "flask_figures.py", "0",
                 bare=True) as program:
        port = program.line(r"(?:port |:)(\d+)/?$").group(1)
        pid = program.process.pid
        get(port)
        attach(pid)
        for _ in range(3):
            get(port)
        found = report(pid, "--inclusive", "--filter", "flask_figures.py",
                       "--top", "5")
        tap.ok(found["entries"] and found["entries"][0]["size"] > 1 << 20,
               "flask: figures that stay are charged to their view",
               found["entries"][:2])
        detach(pid)
        get(port)


def check_bash(tap):
    """bash at its prompt reads the terminal as before."""
    if not shutil.which("bash"):
        tap.skip("bash", "not installed")
        return
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PS1"] = "prompt> "
        os.execlp("bash", "bash", "--norc", "--noprofile", "-i")
    seen = b""

    def has(text):
        nonlocal seen
        seen += os.read(terminal, 4096)
        return text in seen
    wait_for("a prompt", lambda: has(b"prompt> "))
    attach(pid)
    os.write(terminal, b"x=$((40 + 2)); echo answer=$x\n")
    wait_for("the answer", lambda: has(b"answer=42"))
    wait_for("sites of bash", lambda: report(pid)["entries"])
    detach(pid)
    os.write(terminal, b"exit $((x - 35))\n")
    _, status = os.waitpid(pid, 0)
    tap.equal(os.waitstatus_to_exitcode(status), 7,
              "bash at its prompt: goes on to its end")
    os.close(terminal)


def check_redis(tap, scratch):
    if not shutil.which("redis-benchmark"):
        tap.skip("redis", "redis-benchmark is not installed")
        return
    socket = scratch / "redis.socket"
    with Program(redis_server(scratch), "--port", "0", "--unixsocket", socket,
                 "--save", "", "--daemonize", "no", bare=True) as program:
        pid = program.process.pid
        wait_for("redis to listen", socket.exists)
        load = subprocess.Popen(
            ["redis-benchmark", "-s", socket, "-q", "-n", "150000", "-r",
             "100000", "-t", "set,lpush"], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        stood = []
        while load.poll() is None and len(stood) < 5:
            stood.append(attach(pid))
            report(pid)
            detach(pid)
        output, _ = load.communicate(timeout=120)
        print(f"# redis under load stood still for {stood} ms")
        tap.ok(stood and not load.returncode and "rror" not in output,
               "redis under redis-benchmark: no request fails", output)
        answer = subprocess.run(["redis-cli", "-s", socket, "ping"],
                                capture_output=True, text=True, timeout=60)
        tap.equal(answer.stdout, "PONG\n", "redis goes on")


def check_sqlite(tap):
    if not shutil.which("sqlite3"):
        tap.skip("sqlite3", "not installed")
        return
    with Program("sqlite3", "-batch", ":memory:", bare=True) as program:
        program.say(SQL.format(1000))
        program.line("^1000$")
        pid = program.process.pid
        attach(pid)
        program.say(SQL.replace("table t", "table u").replace("into t", "into u")
                    .replace("from t", "from u").format(100000))
        program.line("^100000$")
        tap.ok(report(pid)["total"]["size"] > 1 << 20,
               "sqlite3: 100,000 rows are more than 1 MiB")
        detach(pid)
        tap.equal(program.end()[:2], (0, ["1000", "100000"]),
                  "sqlite3: goes on")


def check_container(tap):
    """Another mount and pid namespace, with a /tmp and /dev/shm of its own."""
    unshared = ["unshare", "--mount", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*unshared, "true"], capture_output=True).returncode:
        tap.skip("container", "no namespaces for this user")
        return
    with Program(*unshared, "sh", "-c", "mount -t tmpfs none /tmp && "
                 "mount -t tmpfs none /dev/shm && exec \"$0\" \"$@\"",
                 PYTHON, "-c", LOOP, bare=True) as program:
        program.line("^ready$")
        pid = int(subprocess.run(["pgrep", "-P", str(program.process.pid)],
                                 capture_output=True, text=True).stdout)
        for _ in range(2):
            attach(pid)
            wait_for("the line that allocates, in a container", lambda: any(
                entry["line"] == 9 for entry in report(pid)["entries"]))
            detach(pid)
        tap.equal(os.listdir(f"/proc/{pid}/root/tmp"), [],
                  "container: no copy of the agent is left")
        tap.equal(program.end(), (0, ["ready", "done"], ""),
                  "container: the program goes on")


def main():
    tap = Tap()
    ends_without_trace(tap)
    with workplace() as scratch:
        for python in pythons():
            tap.part(python, check_loop, tap, python)
        tap.part("input", check_input, tap)
        tap.part("server", check_server, tap)
        tap.part("flask", check_flask, tap)
        tap.part("bash", check_bash, tap)
        tap.part("redis", check_redis, tap, scratch)
        tap.part("sqlite", check_sqlite, tap)
        tap.part("container", check_container, tap)
    tap.done()


if __name__ == "__main__":
    main()
