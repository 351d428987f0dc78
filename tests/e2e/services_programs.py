#!/usr/bin/python3
"""Real programs: the same with heaptop as without, and their sites explained.
"""
import hashlib
import os
import shutil
import signal
import subprocess
import sys

from drive import (PATIENCE, Program, Tap, both_ways, describe,
                   frames_in, heaptop, must, profiled_pid, redis_server,
                   report, wait_for, workplace)

MIB = 1 << 20


def same(tap, what, results):
    """The two results agree."""
    bare, under = results
    tap.equal((under.returncode, under.stdout, under.stderr),
              (bare.returncode, bare.stdout, bare.stderr),
              f"{what}: the same output and exit status")


def needs(tap, what, *programs):
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        tap.skip(what, f"{' and '.join(missing)} not installed")
    return not missing


SQL = """create table place (id integer primary key, name text, x real);
with recursive n(i) as (select 1 union all select i + 1 from n limit 200000)
  insert into place select i, 'place number ' || i, i * 0.5 from n;
create index place_name on place (name);
select count(*), sum(length(name)), sum(x) from place;
"""


def check_sqlite(tap, scratch):
    if not needs(tap, "sqlite3", "sqlite3"):
        return
    same(tap, "sqlite3", both_ways("sqlite3", ":memory:", input=SQL.encode(),
                                   stdin=None))
    with Program("sqlite3", "-batch", ":memory:") as program:
        program.say(SQL + ".print done\n")
        program.line("^done$")
        pid = profiled_pid()
        found = report(pid, "--group-by", "traceback", "--top", "1")
        entry = found["entries"][0]
        tap.ok(found["total"]["size"] > 10 * MIB,
               "sqlite3: 200,000 rows are more than 10 MiB", found["total"])
        tap.ok(frames_in(entry, "sqlite3") and entry["domain"] == "malloc"
               and entry["size"] > found["total"]["size"] / 2,
               "sqlite3: its page cache holds most of it",
               describe([entry]))
        tap.equal(program.end()[0], 0, "sqlite3: ends well")


REDIS_COMMANDS = """SET greeting hello
GET greeting
RPUSH list a b c
LRANGE list 0 -1
HSET hash field value
GET nothing
INCR counter
LLEN greeting
DBSIZE
"""


def redis_session(scratch, name, bare):
    """Runs a server with commands and load; returns all that was answered,
    and what heaptop reported of it."""
    socket = scratch / f"{name}.sock"
    command = [redis_server(scratch), "--port", "0", "--unixsocket", socket,
               "--save", "", "--appendonly", "no", "--dir", scratch]
    client = ["redis-cli", "-s", str(socket)]
    found = None
    with Program(*command, bare=bare) as server:
        wait_for("redis to answer", lambda: subprocess.run(
            [*client, "PING"], capture_output=True, text=True).stdout
            == "PONG\n")
        answers = subprocess.run(client, input=REDIS_COMMANDS, text=True,
                                 capture_output=True).stdout
        subprocess.run(["redis-benchmark", "-s", socket, "-q", "-t",
                        "set,lpush", "-n", "40000", "-r", "10000", "-d",
                        "200"], check=True, capture_output=True,
                       timeout=PATIENCE)
        size = subprocess.run([*client, "LLEN", "mylist"], text=True,
                              capture_output=True).stdout
        if not bare:
            pid = profiled_pid()
            found = report(pid, "--group-by", "traceback", "--top", "5")
        subprocess.run([*client, "SHUTDOWN", "NOSAVE"], capture_output=True)
        status, _, errors = server.end()
    return (answers, size, status, errors), found


def check_redis(tap, scratch):
    if not needs(tap, "redis", "redis-cli", "redis-benchmark",
                 "redis-check-rdb"):
        return
    bare, _ = redis_session(scratch, "bare", True)
    under, found = redis_session(scratch, "under", False)
    tap.equal(under, bare, "redis: the same answers and exit status")
    tap.ok(found["total"]["size"] > 8 * MIB,
           "redis: 40,000 list items of 200 B are live", found["total"])
    tap.ok(all(frames_in(entry, "redis") for entry in found["entries"][:3]),
           "redis: its own code holds them", describe(found["entries"]))


def large_source(path):
    """Three thousand functions, each with something for the optimiser."""
    with open(path, "w", encoding="ascii") as out:
        out.write("extern int sink(int);\n")
        for number in range(3000):
            out.write(f"""
static int table{number}[] = {{ {number}, 2, 3, 5, 7, 11, 13, 17 }};
int function{number}(int a, int b)
{{
	int sum = a * {number % 97};
	for (int i = 0; i < 8; i++)
		sum += table{number}[i] ^ (b << (i & 3));
	return sum > b ? sink(sum) : sink(b - sum);
}}
""")


def check_gcc(tap, scratch):
    if not needs(tap, "gcc -c", "gcc"):
        return
    source, made = scratch / "large.c", scratch / "large.o"
    large_source(source)
    digests, results = [], []
    for under in ([], ["run", "--headless", "--"]):
        command = ["gcc", "-O1", "-c", str(source), "-o", str(made)]
        results.append(heaptop(*under, *command) if under else
                       subprocess.run(command, capture_output=True, text=True,
                                      stdin=subprocess.DEVNULL))
        digests.append(hashlib.sha256(made.read_bytes()).hexdigest())
        made.unlink()
    same(tap, "gcc -c", results)
    tap.equal(digests[1], digests[0], "gcc -c: the same object file")
    compiler = subprocess.run(["gcc", "-print-prog-name=cc1"], text=True,
                              capture_output=True).stdout.strip()
    saved = scratch / "cc1.json"
    result = heaptop("run", "--headless", "--save", saved, "--", compiler,
                     "-quiet", "-O1", source, "-o", "/dev/null")
    tap.equal(result.returncode, 0, "cc1: ends well")
    found = report(saved, "--group-by", "traceback", "--top", "5")
    tap.ok(found["total"]["size"] > 5 * MIB,
           "cc1: it frees little of what it takes", found["total"])
    tap.ok(frames_in(found["entries"][0], "cc1"),
           "cc1: the compiler's own code holds it",
           describe(found["entries"]))


def repository(folder):
    """A repository of 400 commits, made by fast-import."""
    subprocess.run(["git", "init", "-q", folder], check=True)
    stream = []
    for number in range(1, 401):
        text = "".join(f"line {number * row}\n" for row in range(60))
        stream.append(
            f"commit refs/heads/main\nmark :{number}\n"
            f"committer A <a@example.org> {1700000000 + number} +0000\n"
            f"data 9\ncommit {number % 10}\n"
            f"M 100644 inline file{number % 20}.txt\n"
            f"data {len(text)}\n{text}\n")
    subprocess.run(["git", "-C", folder, "fast-import", "--quiet"],
                   input="".join(stream).encode(), check=True)


def check_git(tap, scratch):
    if not needs(tap, "git fsck", "git"):
        return
    folder = scratch / "repository"
    repository(folder)
    same(tap, "git fsck", both_ways("git", "-C", folder, "fsck", "--full",
                                    "--no-progress"))
    saved = scratch / "git.json"
    must("run", "--headless", "--save", saved, "--", "git", "-C", folder,
         "fsck", "--full", "--no-progress")
    found = report(saved, "--group-by", "traceback", "--top", "5")
    tap.ok(any(frames_in(entry, "git") for entry in found["entries"]),
           "git fsck: git's own code is among its top sites",
           describe(found["entries"]))


SCRIPT = r"""
declare -A seen
for word in $(printf 'w%d ' $(seq 500)); do seen[$word]=${#word}; done
echo "${#seen[@]} words" "$(echo in a subshell | tr a-z A-Z)"
(exit 3); echo "status $?"
seq 1000 | while read -r n; do [ $((n % 250)) = 0 ] && echo "$n"; done
read -r line; echo "read: $line"
trap 'echo leaving >&2' EXIT
kill -TERM $BASHPID & wait $!; echo "killed: $?"
exit 7
"""


def check_bash(tap, scratch):
    same(tap, "bash", both_ways("bash", "-c", SCRIPT, input=b"a line\n",
                                stdin=None))


CPLUSPLUS = r"""
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace shop {
struct order {
	std::vector<std::string> items;
};
class basket {
public:
	void fill(int count)
	{
		for (int i = 0; i < count; i++)
			orders[i].items.emplace_back(200, 'x');
	}
private:
	std::map<int, order> orders;
};
}

int main()
{
	shop::basket basket;
	int caught = 0;
	basket.fill(20000);
	for (int i = 0; i < 100; i++) {
		try {
			throw std::runtime_error("no more");
		} catch (const std::exception &) {
			caught++;
		}
	}
	std::cout << caught << " caught" << std::endl;
	std::cin.get();
	return 4;
}
"""


def check_cplusplus(tap, scratch):
    if not needs(tap, "C++", "g++"):
        return
    source, program = scratch / "shop.cc", scratch / "shop"
    source.write_text(CPLUSPLUS)
    subprocess.run(["g++", "-g", "-O0", "-o", program, source], check=True)
    same(tap, "C++", both_ways(program))
    with Program(program) as running:
        running.line("^100 caught$")
        pid = profiled_pid()
        found = report(pid, "--group-by", "traceback", "--top", "1")
        entry = found["entries"][0]
        names = [frame["function"] for frame in entry["traceback"]]
        tap.ok(any("shop::basket::fill" in name for name in names),
               "C++: functions have their own names", describe([entry]))
        tap.ok(20000 * 200 <= entry["size"] and entry["count"] == 20000,
               "C++: new is counted to the block", describe([entry]))
        found = report(pid, "--mine", "--top", "1")["entries"][0]
        tap.ok(found["file"].endswith("shop.cc"),
               "C++: own code only leaves the library out",
               describe([found]))


STATUSES = (
    (["sh", "-c", "exit 0"], 0),
    (["sh", "-c", "exit 42"], 42),
    (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM),
    (["sh", "-c", "kill -KILL $$"], 128 + signal.SIGKILL),
    (["/no/such/program"], 127),
    (["no-such-program-anywhere"], 127),
    (["/etc/passwd"], 126),
)


def check_statuses(tap, scratch):
    for command, wanted in STATUSES:
        result = heaptop("run", "--headless", "--", *command)
        tap.equal(result.returncode, wanted,
                  f"run: the exit status of {' '.join(command)}")
        if wanted in (126, 127):
            tap.equal((result.stdout, result.stderr.count("\n")), ("", 1),
                      "run: and one line says why")
    result = heaptop("run", "--headless", "--", "sh", "-c",
                     "exit 0", env={**os.environ, "HEAPTOP_DIR": "/dev/null"})
    tap.equal(result.returncode, 0, "run: without room for a segment, it runs")


def check_privileges(tap, _scratch):
    """Gives up the user and keeps capabilities: what one thread may, others
    may not."""
    if not needs(tap, "setpriv", "setpriv"):
        return
    if os.geteuid():
        tap.skip("setpriv", "only root can become somebody else")
        return
    same(tap, "setpriv", both_ways("setpriv", "--reuid=65534", "--regid=65534",
                                   "--clear-groups", "id"))


def main():
    tap = Tap()
    for check in (check_sqlite, check_redis, check_gcc, check_git, check_bash,
                  check_cplusplus, check_privileges, check_statuses):
        with workplace() as scratch:
            tap.part(check.__name__, check, tap, scratch)
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
