#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the end-to-end tests: run.sh [PLAYWRIGHT ARGUMENTS], after `npm ci` here; ./dev test e2e does all of it.
#   CONSILIUM_SERVER   the server to test    (default: ../../build/asan/platform/consilium)
#   CONSILIUM_STATIC   the built web client  (default: ../../webclient/dist)
#
# Firefox does no ICE with 127.0.0.1, so the server needs another address. Where the kernel lets us, everything runs in a
# network namespace of its own with a veth pair: no port is taken from the machine, nothing leaves it. (The default route
# leads nowhere; without one Firefox gathers no candidate.) Elsewhere the machine's own first address is used.
set -eu
cd "$(dirname "$0")"
export CONSILIUM_SERVER="${CONSILIUM_SERVER:-$(cd ../.. && pwd)/build/asan/platform/consilium}"
export CONSILIUM_STATIC="${CONSILIUM_STATIC:-$(cd ../.. && pwd)/webclient/dist}"

inside='
ip link set lo up
ip link add e2e0 type veth peer name e2e1
ip addr add 10.79.0.1/24 dev e2e0
ip link set e2e0 up
ip link set e2e1 up
ip route add default via 10.79.0.2 dev e2e0
CONSILIUM_E2E_ADDRESS=10.79.0.1
export CONSILIUM_E2E_ADDRESS
'
if [ -z "${CONSILIUM_E2E_ADDRESS:-}" ]; then
    for unshare in 'unshare -n' 'unshare -r -n'; do
        if $unshare sh -euc "$inside" >/dev/null 2>&1; then
            exec $unshare sh -euc "$inside"' exec node_modules/.bin/playwright test "$@"' sh "$@"
        fi
    done
    CONSILIUM_E2E_ADDRESS=$(ip -4 -o addr show scope global | awk '{ sub(/\/.*/, "", $4); print $4; exit }')
    [ -n "$CONSILIUM_E2E_ADDRESS" ] || {
        echo 'run.sh: no network namespace can be made here, and there is no address but loopback' >&2
        exit 1
    }
    export CONSILIUM_E2E_ADDRESS
fi
exec node_modules/.bin/playwright test "$@"
