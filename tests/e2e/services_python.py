#!/usr/bin/python3
"""Python's servers, pools and tools: alone and with heaptop they say the same,
and heaptop finds what each of them leaks.

They all call leak() of one module, a known number of times. A service is a
function that starts it, has it leak, and stops it; it is run twice.
"""
import contextlib
import difflib
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

from drive import (ALL, HEAPTOP, PATIENCE, PYTHON, Failed, Program, Tap,
                   describe, report, segments, wait_for, workplace)

TIMES = 20
BLOCKS = 4000  # a time: in all more than what any service imports
SIZE = 500
HEADER = 33  # of a bytes object

FILES = {
    "leaky.py": f"""
kept = []


def leak():
    kept.extend(bytes({SIZE} + i % 2) for i in range({BLOCKS}))
    return "leaked"
""",
    "web.py": """
import flask
import leaky

app = flask.Flask(__name__)


@app.route("/")
def index():
    return leaky.leak()
""",
    "asynchronous.py": """
import leaky


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": leaky.leak().encode()})
""",
    "pools.py": """
import multiprocessing
import sys
import leaky


def work(i):
    return leaky.leak() + str(i)


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    with multiprocessing.Pool(2) as pool:
        for result in pool.map(work, range(int(sys.argv[2]))):
            print(result)
        print("done", flush=True)
        sys.stdin.readline()
        pool.close()
        pool.join()
    sys.exit(3)
""",
    "tasks.py": """
import os
import celery
import leaky

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "queue")
app = celery.Celery("tasks", broker="filesystem://",
                    backend="file://" + folder)
app.conf.update(broker_transport_options={
    "data_folder_in": folder, "data_folder_out": folder})


@app.task
def leak():
    return leaky.leak()
""",
    "ask_celery.py": """
import sys
import tasks

asked = [tasks.leak.delay() for _ in range(int(sys.argv[1]))]
print([one.get(timeout=100, interval=0.05) for one in asked])
""",
    "test_leak.py": """
import sys
import pytest
import leaky


@pytest.mark.parametrize("turn", range(int(sys.stdin.readline())))
def test_leak(turn):
    assert leaky.leak() == "leaked"


def test_fails():
    assert leaky.leak() == "kept"


def test_done(capsys):
    with capsys.disabled():
        print("done", flush=True)
    sys.stdin.readline()
""",
}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def leaking():
    """[(pid, blocks, bytes, top entry)] of the processes that hold some."""
    found = []
    for pid in sorted(segments()):
        entries = report(pid, "--mine", "--top", ALL)["entries"]
        ours = [entry for entry in entries
                if entry["file"].endswith("leaky.py")]
        if ours:
            found.append((pid, sum(entry["count"] for entry in ours),
                          sum(entry["size"] for entry in ours), entries[0]))
    return found


class Session:
    """One service, alone or under heaptop: its answers and what it held."""

    def __init__(self, scratch, bare):
        self.scratch, self.bare = scratch, bare
        self.port = free_port()
        self.answers = []
        self.held = None
        self.ended = None
        self.asked = TIMES

    @contextlib.contextmanager
    def program(self, *command, **options):
        with Program(*command, bare=self.bare, cwd=self.scratch,
                     **options) as running:
            yield running
            status, lines, errors = running.end()
            self.ended = (status, plain("\n".join(lines)), plain(errors))

    def look(self):
        if not self.bare:
            self.held = leaking()

    def get(self):
        url = f"http://127.0.0.1:{self.port}/"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.read()

    def answers_requests(self):
        try:
            self.answers.append(self.get())
            return True
        except OSError:
            return False


def plain(text):
    """What a program printed, without what differs each time."""
    text = re.sub(r"heaptop-test\.\w+|0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}", "X", text)
    text = re.sub(r"=+", "=", re.sub(r"\d+", "N", text))
    return sorted(line.rstrip() for line in text.splitlines()
                  if line.strip())


def flat(ended):
    """The status, and each line of the output."""
    return [line for part in ended
            for line in (part if isinstance(part, list) else [part])]


def serve(session, *command, stop=signal.SIGTERM):
    with session.program(*command) as server:
        wait_for("an answer", lambda: session.answers_requests()
                 or server.process.poll() is not None)
        for _ in range(TIMES - 1):
            session.answers.append(session.get())
        session.look()
        server.process.send_signal(stop)


def run_flask(session):
    serve(session, PYTHON, "-m", "flask", "--app", "web", "run", "--no-reload",
          "--port", session.port, stop=signal.SIGINT)


def run_gunicorn(session, *options):
    serve(session, "gunicorn", *options, "-b", f"127.0.0.1:{session.port}",
          "web:app")


def run_gunicorn_sync(session):
    run_gunicorn(session, "-w", "2")


def run_gunicorn_threads(session):
    run_gunicorn(session, "-k", "gthread", "--threads", "4")


def run_uvicorn(session):
    serve(session, PYTHON, "-m", "uvicorn", "--port", session.port,
          "asynchronous:app")


def run_pool(session, method):
    with session.program(PYTHON, "pools.py", method, TIMES) as program:
        program.line("^done$")
        session.look()
        program.say("enough\n")


def run_pool_fork(session):
    run_pool(session, "fork")


def run_pool_spawn(session):
    run_pool(session, "spawn")


def run_pool_server(session):
    run_pool(session, "forkserver")


def run_celery(session):
    queue = session.scratch / "queue"
    queue.mkdir(exist_ok=True)
    with session.program(PYTHON, "-m", "celery", "-A", "tasks", "worker",
                         "-P", "prefork", "-c", "2", "-l",
                         "ERROR") as worker:
        asked = subprocess.run(
            [PYTHON, "ask_celery.py", str(TIMES)], cwd=session.scratch,
            capture_output=True, text=True, timeout=PATIENCE, check=False)
        session.answers.append((asked.stdout, asked.stderr))
        session.look()
        worker.process.send_signal(signal.SIGTERM)


def run_pytest(session):
    session.asked = TIMES + 1
    with session.program(PYTHON, "-m", "pytest", "-v", "-p",
                         "no:cacheprovider", "-s", "test_leak.py") as program:
        program.say(f"{TIMES}\n")
        program.line("done$")
        session.look()
        program.say("enough\n")


def run_jupyter(session):
    """A kernel, spoken to as a notebook does."""
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # it warns otherwise
    from jupyter_client.manager import KernelManager
    manager = KernelManager()
    under = [] if session.bare else [HEAPTOP, "run", "--headless", "--"]
    manager.kernel_spec.argv = [*under, PYTHON, "-m", "ipykernel_launcher",
                                "-f", "{connection_file}"]
    with open(session.scratch / "kernel.log", "w+", encoding="utf-8") as log:
        manager.start_kernel(cwd=str(session.scratch), stdout=log, stderr=log)
        client = manager.blocking_client()
        try:
            client.start_channels()
            client.wait_for_ready(timeout=PATIENCE)
            for code in ("import leaky", *["leaky.leak()"] * TIMES, "1 / 0"):
                answer = client.execute_interactive(
                    code, timeout=PATIENCE, output_hook=lambda message:
                    session.answers.append((message["msg_type"], plain(str(
                        message["content"].get("data"))))))
                session.answers.append(answer["content"]["status"])
            session.look()
            client.shutdown()
            process = manager.provisioner.process
            status = process.wait(PATIENCE)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
        log.seek(0)
        session.ended = (status, plain(log.read()))


# What is run, by name, and the modules that it needs.
SERVICES = [
    ("Flask's own server", run_flask, ["flask"]),
    ("gunicorn, sync workers", run_gunicorn_sync, ["gunicorn", "flask"]),
    ("gunicorn, threads", run_gunicorn_threads, ["gunicorn", "flask"]),
    ("uvicorn", run_uvicorn, ["uvicorn"]),
    ("a pool that forks", run_pool_fork, []),
    ("a pool that spawns", run_pool_spawn, []),
    ("a pool with a fork server", run_pool_server, []),
    ("celery, prefork", run_celery, ["celery"]),
    ("a Jupyter kernel", run_jupyter, ["ipykernel", "jupyter_client"]),
    ("pytest", run_pytest, ["pytest"]),
]


def run(service, bare):
    with workplace() as scratch:
        for name, text in FILES.items():
            (scratch / name).write_text(text)
        session = Session(scratch, bare)
        service(session)
        return session


def check(tap, name, service):
    alone, under = run(service, True), run(service, False)
    tap.equal(under.answers, alone.answers, f"{name}: the same answers")
    tap.ok(under.ended == alone.ended,
           f"{name}: the same output and exit status",
           *difflib.unified_diff(*(list(map(str, flat(session.ended)))
                                   for session in (alone, under))))
    if not under.held:
        raise Failed("nothing of leaky.py is reported")
    blocks = sum(held[1] for held in under.held)
    size = sum(held[2] for held in under.held)
    wanted = under.asked * BLOCKS
    least = wanted * (SIZE + HEADER) + wanted // 2
    # The lists that hold them are the rest.
    tap.ok(0 <= blocks - wanted <= 4 * len(under.held) + TIMES
           and 0 <= size - least <= 16 * wanted,
           f"{name}: {under.asked} times {BLOCKS} blocks are reported",
           f"{blocks} blocks, {size} B, wanted {wanted}, {least} B",
           *under.held)
    first = max(under.held, key=lambda held: held[1])[3]
    tap.ok(first["file"].endswith("leaky.py"),
           f"{name}: the line that leaks comes first", describe([first]))


def main():
    tap = Tap()
    for name, service, modules in SERVICES:
        missing = [module for module in modules
                   if not importlib.util.find_spec(module)]
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        if missing:
            tap.skip(name, f"no {' and '.join(missing)} here")
        else:
            tap.part(name, check, tap, name, service)
    tap.done()


if __name__ == "__main__":
    main()
