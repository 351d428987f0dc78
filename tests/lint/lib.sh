# What the lints share. Each prints TAP: a point holds when nothing is found.
# shellcheck shell=bash
set -u
shopt -s lastpipe
LC_ALL=C
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1
points=0

# holds WHAT: what is read from standard input speaks against it.
holds()
{
	local found

	found=$(head -n 40)
	points=$((points + 1))
	if [ -z "$found" ]; then
		echo "ok $points - $1"
	else
		echo "not ok $points - $1"
		printf '%s\n' "$found" | sed 's/^/# /'
	fi
}

done_holding()
{
	echo "1..$points"
}

# Every file that belongs to the project, from a checkout or a tarball.
project_files()
{
	git ls-files -- "$@" 2>/dev/null | grep . && return
	find "${@:-.}" -name 'build*' -prune -o -name .git -prune -o \
		-type f -print | sed 's|^\./||'
}

# The same, only those that are there: one may just have been removed.
present_files()
{
	local file

	project_files "$@" | while read -r file; do
		[ -f "$file" ] && printf '%s\n' "$file"
	done
}
