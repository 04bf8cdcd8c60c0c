#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs quickstart and tests in a root of the Debian release that this machine does not have, from nothing but a minimal
# system and a clone of the last commit.
#   other-release.sh [SUITE...]     SATCHEL_RELEASES: where the roots are kept (default /var/tmp/satchel-releases)
# Exits 77 where no such root can be made; else the last line is that of tools/test there.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
say() { printf '%s\n' "$*" >&2; }

[ "$(id -u)" = 0 ] || { say "a root of another release needs root"; exit 77; }
command -v debootstrap >/dev/null || { say "debootstrap is missing"; exit 77; }
. /etc/os-release
case ${VERSION_CODENAME:-} in trixie) release=bookworm ;; *) release=trixie ;; esac
keep=${SATCHEL_RELEASES:-/var/tmp/satchel-releases}
root=$keep/$release
mkdir -p "$keep"
exec 9>"$root.lock"
flock 9
if [ ! -e "$root.complete" ]; then
    say "making a minimal root of $release in $root"
    rm -rf --one-file-system "$root"
    if ! debootstrap --variant=minbase "$release" "$root" > "$root.log" 2>&1; then
        tail -3 "$root.log" >&2
        say "debootstrap failed (whole output: $root.log)"
        exit 77
    fi
    touch "$root.complete"
fi
rm -rf --one-file-system "$root/work"
mkdir -p "$root/work"
git -c safe.directory="$top" clone -q "$top" "$root/work/satchel" || exit 70
[ ! -d "$top/../shared" ] || cp -r "$top/../shared" "$root/work/shared"
cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null
cat > "$root/work/run" <<'R'
cd /work/satchel || exit 70
tools/quickstart > /work/quickstart.log 2>&1 || { tail -20 /work/quickstart.log; echo "quickstart failed"; exit 1; }
tools/quickstart --purge || exit 1
exec tools/test "$@"
R
# Everything that runs in a pid namespace ends with it.
exec unshare --mount --pid --fork --kill-child bash -c '
root=$1; shift
# The root is a mount point of its own, so that tests there may have mount namespaces.
mount --bind "$root" "$root" && mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount --make-rslave "$root/dev" &&
    mount --rbind /sys "$root/sys" && mount --make-rslave "$root/sys" && mount -t tmpfs tmpfs "$root/run" || exit 70
exec chroot "$root" env -i HOME=/root TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} ${SATCHEL_LONG:+SATCHEL_LONG="$SATCHEL_LONG"} \
    bash /work/run "$@"' other-release "$root" "$@"
