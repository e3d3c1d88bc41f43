# SPDX-License-Identifier: Apache-2.0
# Sourced by ./dev: messages, exit codes, Debian packages. The working directory is the top of the tree.
# shellcheck shell=bash

EXIT_USAGE=64
EXIT_NO_ROOT=71
EXIT_APT=72
EXIT_NODE=73
EXIT_BUILD=74

# Messages go to standard error: standard output belongs to what a command is asked for.
say() { printf 'dev: %s\n' "$*" >&2; }

# die CODE MESSAGE...
die() {
    local code=$1
    shift
    printf 'dev: error: %s\n' "$*" >&2
    exit "$code"
}

# quietly LOGFILE COMMAND...: the output goes to the file, and to the terminal only if the command fails.
quietly() {
    local log=$1 code=0
    shift
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 </dev/null || code=$?
    if [ "$code" != 0 ]; then
        printf 'dev: `%s` failed with exit code %d; its last lines (all of them: %s):\n' "$*" "$code" "$log" >&2
        tail -n 40 "$log" >&2
    fi
    return "$code"
}

# packages_of SECTION...: the packages of these sections of the list.
packages_of() {
    awk -v wanted=" $* " '
        { sub(/#.*/, ""); gsub(/[ \t]/, "") }
        /^\[/ { on = index(wanted, " " substr($0, 2, length($0) - 2) " ") > 0; next }
        on && NF { print }' packaging/debian-packages.txt | sort -u
}

# need_packages SECTION...: installs what is missing. Asks dpkg first, so that nothing happens when all is there.
need_packages() {
    local wanted missing
    [ "${CONSILIUM_SKIP_PACKAGES:-}" = 1 ] && return 0
    command -v dpkg-query >/dev/null ||
        die "$EXIT_APT" "this is not a Debian system: install the equivalents of packaging/debian-packages.txt" \
            "and set CONSILIUM_SKIP_PACKAGES=1"
    wanted=$(packages_of "$@")
    missing=$(printf '%s\n' "$wanted" | while read -r package; do
        # Prints one line "installed" for each architecture that has it.
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
    done)
    [ -z "$missing" ] && return 0
    install_packages $missing
}

# install_packages PACKAGE...
install_packages() {
    local root=() options=(-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            die "$EXIT_NO_ROOT" "these packages are missing: $*. There is neither root nor sudo to install them." \
                "As root: apt-get install --no-install-recommends $*"
        # Without a terminal nobody can type a password.
        if [ -t 0 ]; then root=(sudo); else root=(sudo -n); fi
        "${root[@]}" true || die "$EXIT_NO_ROOT" "these packages are missing: $*. sudo refused to install them."
    fi
    say "installing $# Debian packages: $*"
    quietly .cache/log/apt-update "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get "${options[@]}" -q update || die "$EXIT_APT" "apt-get update failed"
    quietly .cache/log/apt-install "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get "${options[@]}" -q -y install --no-install-recommends "$@" ||
        die "$EXIT_APT" "apt-get could not install: $*"
}

# stamp_is FILE VALUE / stamp_set FILE VALUE: has this been done for this very input?
stamp_is() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }
stamp_set() { mkdir -p "$(dirname "$1")" && printf '%s\n' "$2" >"$1"; }
