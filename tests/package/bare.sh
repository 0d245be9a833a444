# shellcheck shell=bash
# Sourced by its neighbours: a bare Debian 12 in $bare, which goes when the script ends, and steps in it (root).
#
# It comes from debootstrap, or is a copy of the folder $GOLIVED_BARE.
package=$(realpath "$1")
bare=$(mktemp -d /var/tmp/golived-bare.XXXXXX)
running= # a process to be ended with us
trap '[ -z "$running" ] || { kill -KILL "$running"; wait "$running" 2>/dev/null || true; }; rm -rf --one-file-system "$bare"' EXIT

fail() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

say() {
	printf '   %s\n' "$*"
}

# The admin API is a socket, so that no port of the machine's can be in use.
inside=(chroot "$bare" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
	STATE_DIRECTORY=/var/lib/golived GOLIVED_ADMIN_LISTEN=unix:/var/lib/golived/admin.sock
	http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}")

inside() {
	"${inside[@]}" "$@"
}

quietly() {
	"$@" >"$bare/tmp/log" 2>&1 || {
		cat "$bare/tmp/log" >&2
		fail "$*"
	}
}

# apt asks about a changed conffile; the default, as an administrator away from the keyboard gets it, is to keep theirs.
install_package() {
	cp "$1" "$bare/tmp/package.deb"
	quietly inside apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confdef \
		-o Dpkg::Options::=--force-confold install /tmp/package.deb
}

there() {
	[ -e "$bare/$1" ] || [ -L "$bare/$1" ] || fail "/$1 is not there after $2"
}

gone() {
	if [ -e "$bare/$1" ] || [ -L "$bare/$1" ]; then
		fail "/$1 is still there after $2"
	fi
}

make_bare() {
	say "a bare Debian 12"
	if [ -n "${GOLIVED_BARE:-}" ]; then
		cp -a "$GOLIVED_BARE/." "$bare/"
	else
		debootstrap --variant=minbase bookworm "$bare" >"$bare.log" || {
			tail "$bare.log" >&2
			fail debootstrap
		}
		rm "$bare.log"
	fi
	cp -L /etc/resolv.conf "$bare/etc/resolv.conf"
	printf '#!/bin/sh\nexit 101\n' >"$bare/usr/sbin/policy-rc.d"
	chmod +x "$bare/usr/sbin/policy-rc.d"
	quietly inside apt-get -q update
}
