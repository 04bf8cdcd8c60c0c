# SPDX-License-Identifier: MIT
# Sourced: what is needed, and how to get it.  need_packages WHAT... installs on Debian as root or by sudo, else
# prints the one line to run and exits 69.  present_packages WHAT... prints those that the release has, and names the others.
BUILD_PACKAGES="gcc libc6-dev make autoconf automake libtool pkg-config libglib2.0-dev libgnutls28-dev libconfig-dev
 libseccomp-dev libunistring-dev libsodium-dev libcrypt-dev zlib1g-dev libqrencode-dev
 libsqlite3-dev libpq-dev libldap-dev libdb5.3-dev libxxhash-dev libpam0g-dev libcurl4-gnutls-dev libjansson-dev"
RUN_PACKAGES="python3 openssl curl ca-certificates"
# What ./configure looks for on behalf of tests, and a cache of compiled files for a run of them.
TEST_BUILD_PACKAGES="libgmime-3.0-dev ccache"
TEST_PACKAGES="gnutls-bin gsasl swaks isync libsasl2-modules offlineimap3 interimap fetchmail getmail6 mpop mutt neomutt imapfilter
 libmail-imapclient-perl libio-socket-ssl-perl php-cli mandoc xz-utils strace clang clang-format-19 libclang-rt-dev procps fail2ban git iproute2
 oathtool postgresql slapd ldap-utils db-util python3-nacl python3-cryptography"
# These are not in every release: the script says which are missing, and the cases that use them are skipped.
OPTIONAL_TEST_PACKAGES="uw-mailutils php-horde-imap-client chromium chromium-driver thunderbird"
# Packages that tools/package deb and rpm need beyond a build, and those that check their work.
DEB_PACKAGES="dpkg-dev debhelper fakeroot systemd"
RPM_PACKAGES="rpm cpio"
PACKAGE_TEST_PACKAGES="lintian rpmlint"
FEDORA_PACKAGES="gcc make autoconf automake libtool pkgconf-pkg-config glib2-devel gnutls-devel libconfig-devel libseccomp-devel
 libunistring-devel libsodium-devel libxcrypt-devel zlib-devel qrencode-devel sqlite-devel libpq-devel openldap-devel libdb-devel xxhash-devel pam-devel libcurl-devel jansson-devel python3 openssl curl"

say() { printf '%s\n' "$*" >&2; }

missing_packages() {
    local p
    for p in "$@"; do
        [ "$(dpkg-query -W -f '${Status}' "$p" 2>/dev/null)" = 'install ok installed' ] || printf '%s ' "$p"
    done
}

# Prints how to run a command as root: nothing, or sudo.  Fails where this user may not.
as_root() {
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null && echo "sudo -n"; }
}

need_packages() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        say "This system has no apt. The packages under Fedora's names:"
        say "  dnf install $(echo $FEDORA_PACKAGES)"
        say "Then: ./autogen.sh && ./configure && make"
        exit 69
    fi
    local missing run log
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if ! run=$(as_root); then
        say "Packages are missing, and this user may not install them. Run this once, then start again:"
        say "  sudo apt-get install -y --no-install-recommends $missing"
        exit 69
    fi
    say "installing: $missing"
    log=$(mktemp)
    # Daemons of test programs are not to be started on this machine.
    [ -n "${packages_are_listed:-}" ] || $run env DEBIAN_FRONTEND=noninteractive apt-get -q update >"$log" 2>&1 || true
    packages_are_listed=1
    if ! $run env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y install --no-install-recommends $missing >>"$log" 2>&1; then
        tail -5 "$log" >&2
        say "apt-get could not install them (whole output: $log)"
        exit 69
    fi
    rm -f "$log"
}

present_packages() {
    local p run
    # A package without a candidate is lacking only where the lists of the release are there.
    if [ -n "$(missing_packages "$@")" ] && ! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 && run=$(as_root); then
        $run apt-get -q update >/dev/null 2>&1
    fi
    for p in "$@"; do
        if [ -z "$(missing_packages "$p")" ] || LC_ALL=C apt-cache policy "$p" 2>/dev/null | grep -q 'Candidate: [^(]'; then echo "$p"
        else say "not in this release, what uses it is skipped: $p"; fi
    done
}
