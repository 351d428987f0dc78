#!/bin/sh
# Unpacks interpreters that are newer than this machine's from packages of
# newer Debian releases, to be run in place: nothing is installed.
#
#	fetch_pythons.sh FOLDER
#	fetch_pythons.sh FOLDER free-threaded
#	fetch_pythons.sh FOLDER older
#
# older: FOLDER/older/usr/bin gets one of an older release, and FOLDER/older/bin
# a shell, with the C library of that.
#
# FOLDER/usr/bin gets them. All that they load, the C library among it, comes
# from the same release and is found by paths written into the executables, so
# they run like any other program; what is preloaded into them may be built on
# an older C library. They come from where this machine has its own packages,
# or from HEAPTOP_DEBIAN_MIRROR. What is there already stays. Exit status 1, and a line
# that says why, when something cannot be had.
set -eu

release=sid
versions='3.13 3.14 3.15'
older_release=bullseye
older_version=3.9
source_release=trixie
source=python3.13
keys=/usr/share/keyrings/debian-archive-keyring.gpg

die()
{
	echo "fetch_pythons: $*" >&2
	exit 1
}

case $#${2:-} in
1) result=complete ;;
2free-threaded) result=free-threaded/bin/python3 ;;
2older) result=older/complete ;;
*) die 'usage: fetch_pythons.sh FOLDER [free-threaded | older]' ;;
esac
mkdir -p "$1"
folder=$(cd "$1" && pwd)
[ ! -e "$folder/$result" ] || exit 0
[ "$(uname -m)" = x86_64 ] || die 'the packages are for x86-64'
for program in apt-get dpkg-deb patchelf; do
	command -v $program >/dev/null || die "$program is not installed"
done
[ -e $keys ] || die "cannot check packages: no $keys"
mirror=${HEAPTOP_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' |
	grep -m1 '/debian/*$')} || die 'this machine has no Debian mirror'

apt=$folder/apt
rm -rf "$apt"
mkdir -p "$apt/lists/partial" "$apt/archives/partial"
: >"$apt/status"

# apt-get with lists and a state of its own: no package is there yet.
apt_get()
{
	apt-get -qq -o Dir::State="$apt" -o Dir::State::status="$apt/status" \
		-o Dir::Cache="$apt" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::sourcelist="$apt/sources.list" \
		-o APT::Sandbox::User=root -o Acquire::Languages=none \
		-o APT::Update::Error-Mode=any -o APT::Install-Recommends=0 \
		-o Acquire::Retries=2 -o Acquire::http::Timeout=30 "$@"
}

# What the arguments need, of which only interpreters and libraries are used.
needed()
{
	apt_get --simulate install "$@" 2>"$apt/log" | awk '$1 == "Inst" { print $2 }' |
		grep -E '^(lib|python|zlib)'
}

# update KIND RELEASE: deb for packages, deb-src for sources.
update()
{
	echo "$1 [signed-by=$keys] $mirror $2 main" >"$apt/sources.list"
	apt_get update >"$apt/log" 2>&1 ||
		die "cannot read what $2 has: $(tail -n1 "$apt/log")"
}

build_free_threaded()
{
	update deb-src "$source_release"
	(cd "$apt" && apt_get source --download-only "$source") \
		>"$apt/log" 2>&1 ||
		die "cannot fetch the source: $(tail -n1 "$apt/log")"
	mkdir "$apt/source"
	tar -xf "$apt/$source"_*.orig.tar.xz -C "$apt/source" \
		--strip-components=1
	(
		cd "$apt/source" &&
			./configure -q --disable-gil --enable-shared \
				--prefix="$folder/free-threaded" \
				LDFLAGS="-Wl,-rpath,$folder/free-threaded/lib" &&
			make -s -j2 && make -s install
	) >"$folder/build.log" 2>&1 || die "see $folder/build.log"
	rm -rf "$apt" "$folder/build.log"
}

# unpack FOLDER PACKAGE...
unpack()
{
	target=$1
	shift
	(cd "$apt/archives" && apt_get download "$@") >"$apt/log" 2>&1 ||
		die "cannot fetch packages: $(tail -n1 "$apt/log")"
	for package in "$apt"/archives/*.deb; do
		dpkg-deb -x "$package" "$target"
	done
	rm -rf "$apt"
}

# join PROGRAM LIBRARIES: it runs with these libraries. Their paths are those of
# the whole process: also for libraries of the machine that it loads.
join()
{
	patchelf --set-interpreter "${2##*:}/ld-linux-x86-64.so.2" \
		--force-rpath --set-rpath "$2" "$1"
}

fetch_older()
{
	older=$folder/older
	rm -rf "$older"
	update deb $older_release
	# shellcheck disable=SC2046
	unpack "$older" dash $(needed python$older_version)
	join "$older/bin/dash" "$older/lib/x86_64-linux-gnu"
	join "$older/usr/bin/python$older_version" \
		"$older/usr/lib/x86_64-linux-gnu:$older/lib/x86_64-linux-gnu"
	"$older/usr/bin/python$older_version" -c 'import ctypes, ssl' ||
		die "python$older_version does not run"
	: >"$older/complete"
}

case $result in
free-threaded/*)
	build_free_threaded
	exit 0
	;;
older/*)
	fetch_older
	exit 0
	;;
esac
rm -rf "${folder:?}/usr" "${folder:?}/etc"
update deb $release
packages=
headers=
for version in $versions; do
	packages="$packages python$version libpython$version"
	headers="$headers libpython$version-dev libpython$version-testsuite"
done
# shellcheck disable=SC2086
packages=$(needed $packages) || die "$release does not have them"
# shellcheck disable=SC2086
unpack "$folder" $packages $headers

for version in $versions; do
	join "$folder/usr/bin/python$version" "$folder/usr/lib/x86_64-linux-gnu"
	"$folder/usr/bin/python$version" -c 'import ctypes, ssl, sqlite3' ||
		die "python$version does not run"
done
: >"$folder/complete"
