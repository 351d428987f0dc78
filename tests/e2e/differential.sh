#!/usr/bin/env bash
# Differential mode over real programs: every stack that the rules give is
# compared with libunwind's own walk of it, and at least 99.99 % must be equal.
#
# usage: differential.sh [--long] [--log DIRECTORY] [NAME...]
#
# Runs what is installed of the programs below, the short ones of them unless
# --long or names are given. With --log every kind of difference is kept there,
# both stacks side by side, and the directory is not removed.
#
# Columns: stacks compared; same; how many differ because ours was cut short and
# that was counted, or ours ends first as if it were whole, or libunwind's does,
# or libunwind did not meet the hook's caller, or a frame is another one.
#
# Programs that translate to machine code as they run (node, java) describe that
# code to nobody, and longjmp's description is of its first instruction only.
# There libunwind goes on by what may be frame pointers, or to addresses that are
# none; the rules cut the stack and say so, which alone is no failure.
set -u

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "${top_srcdir:-$here/../..}" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
heaptop=$build/heaptop
programs=$source/tests/programs
long=false
log=
scratch=$(mktemp -d) || exit 1
segments=$(mktemp -d /dev/shm/heaptop-test.XXXXXX) || exit 1
trap 'rm -rf "$scratch" "$segments"' EXIT
export HEAPTOP_DIR=$segments XDG_STATE_HOME=$scratch

while [ $# -gt 0 ]; do
	case $1 in
	--long) long=true ;;
	--log) log=$2 && mkdir -p "$log" && log=$(cd "$log" && pwd) && shift ;;
	-*) echo "usage: $0 [--long] [--log DIRECTORY] [NAME...]" >&2 && exit 2 ;;
	*) break ;;
	esac
	shift
done
: "${log:=$scratch}"

under()
{
	timeout -k 5 "${limit:-60}" nice "$heaptop" run --headless \
		--unwinder check -- "$@" </dev/null >>"$scratch/out" 2>&1
}

have()
{
	local program

	for program in "$@"; do
		command -v "$program" >/dev/null && continue
		why="$program is not installed"
		return 1
	done
}

# --- the programs: each runs something, or says why it cannot ---------------

run_native()
{
	under "$build/tests/programs/stacks"
}

run_switches()
{
	under "$build/tests/programs/stacks" 20000 switches
}

run_exceptions()
{
	have g++ || return 77
	g++ -std=c++20 -O2 -pthread -o "$scratch/exceptions" \
		"$programs/coroutines.cc" >>"$scratch/out" 2>&1 ||
		{ why="g++ has no coroutines" && return 77; }
	under "$scratch/exceptions" "$($long && echo 2000 || echo 100)"
}

run_rust()
{
	have rustc || return 77
	rustc -O -o "$scratch/rust" "$programs/threads.rs" \
		>>"$scratch/out" 2>&1 || { why="rustc cannot" && return 77; }
	under "$scratch/rust" "$($long && echo 2000 || echo 200)"
}

run_go()
{
	have go gcc || return 77
	cp "$programs/cgo.go" "$scratch/main.go"
	(cd "$scratch" && GO111MODULE=off GOCACHE=$scratch/go CGO_ENABLED=1 \
		timeout 120 nice go build -o go_program main.go) \
		>>"$scratch/out" 2>&1 || { why="go cannot" && return 77; }
	under "$scratch/go_program"
}

run_cc1()
{
	local file=$source/src/agent/unwind_cfi.c optimize

	have gcc || return 77
	for optimize in -O0 -O2; do
		under gcc $optimize -I"$source/src" -I"$source/include" \
			-I"$build" -S -o "$scratch/out.s" "$file" || return
	done
}

run_cc1plus()
{
	have g++ || return 77
	printf '%s\n' '#include <iostream>' '#include <map>' \
		'#include <regex>' 'int main() { std::map<int, std::string> m;' \
		'm[1] = "a"; std::cout << m.size() << std::regex_match("a",' \
		'std::regex("a+")); }' >"$scratch/main.cc"
	under g++ -O2 -std=c++17 -o "$scratch/main" "$scratch/main.cc"
}

make_repository()
{
	local i

	have git || return 77
	[ -d "$scratch/repository" ] && return
	git init -q "$scratch/repository" && cd "$scratch/repository" || return
	git config user.name nobody
	git config user.email nobody@localhost
	cp "$source"/src/agent/*.c .
	git add . && git commit -qm 0
	for i in $(seq "$($long && echo 60 || echo 8)"); do
		sed -i "$((i * 5))s/^/ /" ./*.c
		git commit -qam "change $i"
	done
}

run_git()
{
	(make_repository) || return
	cd "$scratch/repository" || return
	under git log -p --stat &&
		under git fsck && under git gc -q --aggressive --prune=now &&
		under git blame unwind_cfi.c
}

run_sqlite()
{
	local rows=3000

	have sqlite3 || return 77
	$long && rows=100000
	under sqlite3 :memory: "create table place (id integer primary key,
		name text, x real);
		with recursive n(i) as (select 1 union all select i + 1 from n
			limit $rows)
		insert into place select i, 'place ' || (i * 7919 % 10007),
			i * 0.5 from n;
		create index place_name on place (name);
		select count(*), sum(json_extract(json_object('a', id), '\$.a'))
			from place where name like '%1%';
		select name, count(*) from place group by 1 order by 2, 1
			limit 3;"
}

run_redis()
{
	local port=$((20000 + $$ % 20000)) server status

	have redis-server redis-benchmark redis-cli || return 77
	cd "$scratch" || return
	under redis-server --port $port --save '' --io-threads 2 \
		--pidfile "$scratch/redis.pid" &
	server=$!
	for _ in $(seq 200); do
		redis-cli -p $port ping >/dev/null 2>&1 && break
		read -rt 0.05 <> <(:) || :
	done
	timeout 60 redis-benchmark -q -p $port -n \
		"$($long && echo 20000 || echo 500)" -r 1000 >>"$scratch/out" 2>&1
	redis-cli -p $port bgsave >>"$scratch/out" 2>&1
	redis-cli -p $port shutdown nosave >>"$scratch/out" 2>&1
	wait $server
	status=$?
	# heaptop may have been killed, and it not.
	[ ! -s "$scratch/redis.pid" ] || kill -9 "$(<"$scratch/redis.pid")"
	return $status
}

run_perl()
{
	have perl || return 77
	under perl -e 'use strict; sub deep { my $n = shift;
		my @a = map { "$_" x 9 } 1 .. 5;
		return $n ? deep($n - 1) + @a : 0 } my %h;
		for my $i (1 .. 200) { eval { die "x" if $i % 7 == 0 };
		$h{$_ % 50}{$i} = [sort { $a cmp $b } 1 .. 9] for 1 .. 9;
		my $s = "abc" x $i; $s =~ s/(b+)(c)/$2$1/g; deep(100) }'
}

# The newest interpreters that came with their own tests.
python_with_tests()
{
	local python

	for python in /usr/bin/python3 \
		"$HOME"/.pyenv/versions/{3.11,3.13}.*/bin/python3; do
		[ -x "$python" ] && "$python" -c 'import test.test_json' \
			2>/dev/null && echo "$python"
	done
}

run_python()
{
	local python tests="test_json test_generators"
	local pythons

	pythons=$(python_with_tests)
	if [ -z "$pythons" ]; then
		have python3 || return 77
		under python3 -c 'import json, decimal, http.server'
		return
	fi
	$long && tests="$tests test_re test_ctypes test_sqlite3 test_threading
		test_zlib test_decimal test_exceptions"
	for python in $pythons; do
		# Tests may fail; only stacks are looked at.
		limit=400 under "$python" -m test $tests
		$long || break
	done
	return 0
}

run_node()
{
	have node || return 77
	under node -e 'const zlib = require("zlib"); let s = 0;
		function f(n) { return n ? f(n - 1) + 1 : zlib.deflateSync(
		Buffer.alloc(2000, "x")).length + JSON.stringify(
		{a: [1, 2, {b: "c"}]}).length }
		for (let i = 0; i < 300; i++) s += f(i % 50);
		require("crypto").createHash("sha256").update("x").digest();
		console.log(s)'
}

run_java()
{
	have java javac || return 77
	javac -d "$scratch" "$programs/Churn.java" >>"$scratch/out" 2>&1 ||
		{ why="javac cannot" && return 77; }
	limit=180 under java -Xmx64m -cp "$scratch" Churn \
		"$($long && echo 3000 || echo 100)"
}

short="native switches exceptions rust cc1 git sqlite perl python"
may_be_cut="switches node java"
all="$short cc1plus go redis node java"

# --- the table --------------------------------------------------------------

sum()
{
	local -i total=0
	local one

	for one in "$@"; do total+=$one; done
	echo $total
}

count=0
failed=0
compare()
{
	local name=$1 compared differed status counts percent
	local file=$log/$name

	count=$((count + 1))
	rm -f "$file" "$file.counts"
	export HEAPTOP_UNWIND_LOG=$file
	: >"$scratch/out"
	"run_$name"
	status=$?
	cd "$source" || exit 1
	if [ $status = 77 ] || [ ! -s "$file.counts" ]; then
		[ $status = 77 ] || why="libunwind is not installed"
		echo "ok $count - $name # SKIP $why"
		return
	fi
	read -ra counts <<<"$(od -An -v -tu8 -w48 -N48 "$file.counts")"
	differed=$(sum "${counts[@]:1}")
	compared=$((counts[0] + differed))
	percent=$(awk -v a="${counts[0]}" -v b="$compared" \
		'BEGIN { printf "%.4f", b ? 100 * a / b : 0 }')
	row "$name" "$compared" "$percent" "${counts[@]:1:5}"
	case " $may_be_cut " in
	*" $name "*) differed=$((differed - counts[1])) ;;
	esac
	# makecontext's first frame has no caller; libunwind looks for one.
	[ "$name" = switches ] && [ "${counts[2]}" -le 4 ] &&
		differed=$((differed - counts[2]))
	if [ $status = 0 ] && [ "$compared" -gt 0 ] &&
		[ $((differed * 10000)) -le "$compared" ]; then
		echo "ok $count - $name: $percent % of $compared"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $name: $percent % of $compared, status $status"
	[ -s "$file" ] && head -n 25 "$file" | sed 's/^/#   /'
	tail -n 5 "$scratch/out" | sed 's/^/#   /'
}

row()
{
	printf '# %-12s %9s %9s %7s %7s %7s %7s %7s\n' "$@"
}

[ -x "$heaptop" ] || { echo "1..0 # SKIP heaptop is not built" && exit 0; }
row program compared 'same %' cut shorter longer unmet other
if [ $# -gt 0 ]; then
	set -- "$@"
elif $long; then
	set -- $all
else
	set -- $short
fi
for name in "$@"; do
	compare "$name"
done
echo "1..$count"
[ "$failed" = 0 ]
