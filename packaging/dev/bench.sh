# SPDX-License-Identifier: Apache-2.0
# Sourced by ./dev: the load tool and the packet benchmark, always as release builds.
# shellcheck shell=bash

BENCH_SERVER=build/release/platform/consilium
BENCH_TOOL=build/release/bench/consilium-bench

# bench_names_server ARGUMENT...: do the arguments, or the scenario file among them, say which server it is?
bench_names_server() {
    local argument previous=''
    for argument in "$@"; do
        case "$argument" in
        --) return 1 ;;
        --url | --url=* | --server | --server=* | --target=janus) return 0 ;;
        janus) [ "$previous" != --target ] || return 0 ;;
        --*) ;;
        *) ! grep -qsE '^[[:space:]]*(url|server|target)[[:space:]]*=' "$argument" || return 0 ;;
        esac
        previous=$argument
    done
    return 1
}

# bench_needs_janus ARGUMENT...: is nobody else named to compare with?
bench_needs_janus() {
    local argument previous=''
    for argument in "$@"; do
        case "$previous$argument" in
        --against=janus | --againstjanus) return 0 ;;
        --against=* | --against?*) return 1 ;;
        esac
        [ "$argument" != -- ] || return 0
        previous=''
        [ "$argument" != --against ] || previous=--against
    done
    return 0
}

# bench_tool ARGUMENT...: consilium-bench on our own release build of the server, unless another one is named.
bench_tool() {
    local server=()
    need_packages build
    build_c release platform/consilium bench/consilium-bench
    if [ "$1" = compare ] && bench_needs_janus "$@"; then need_packages compare; fi
    bench_names_server "$@" || server=(--server "$BENCH_SERVER")
    exec "$BENCH_TOOL" "$1" "${server[@]}" "${@:2}"
}

bench_main() {
    case "${1:-}" in
    micro)
        shift
        need_packages build
        build_c release bench/consilium-bench-micro
        exec build/release/bench/consilium-bench-micro "$@"
        ;;
    rcp | teleconsultation | webinar | run | capacity | compare)
        bench_tool "$@"
        ;;
    --help | --version)
        need_packages build
        build_c release bench/consilium-bench
        exec "$BENCH_TOOL" "$1"
        ;;
    *)
        usage >&2
        exit "$EXIT_USAGE"
        ;;
    esac
}
