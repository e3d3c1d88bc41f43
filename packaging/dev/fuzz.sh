# SPDX-License-Identifier: Apache-2.0
# Sourced by ./dev: the libFuzzer targets. A target is tests/fuzz/fuzz_NAME.c with its seeds in tests/fuzz/corpus/NAME/.
# shellcheck shell=bash

# fuzz_build: all targets, and nothing else of the tree.
fuzz_build() {
    setup_c fuzz
    local targets
    targets=$(targets_of fuzz fuzz_)
    # shellcheck disable=SC2086
    [ -z "$targets" ] || build_c fuzz $targets
}

# fuzz_targets [PART]: paths inside build/fuzz of the targets whose name contains PART.
fuzz_targets() { targets_of fuzz fuzz_ | awk -F/ -v part="${1:-}" 'index($NF, part)'; }

# fuzz_one TARGET SECONDS: the exit code is libFuzzer's; a finding is kept in build/fuzz/findings/.
fuzz_one() {
    local name=${1##*/fuzz_} corpus=()
    local work=build/fuzz/work/$name
    mkdir -p "$work" build/fuzz/findings
    [ -d "tests/fuzz/corpus/$name" ] && corpus=("tests/fuzz/corpus/$name")
    # New inputs go to the first folder. The time limit outside is for a target that hangs without libFuzzer noticing.
    # shellcheck disable=SC2046
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 timeout -k 5 $(($2 + 60)) $(launcher) \
        "build/fuzz/$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/findings/$name-" "$work" "${corpus[@]}"
}

fuzz_main() {
    local seconds=${1:-} target failed=0 targets
    case "$seconds" in '' | *[!0-9]* | 0) usage >&2; exit "$EXIT_USAGE" ;; esac
    need_packages build test
    fuzz_build
    targets=$(fuzz_targets "${2:-}")
    [ -n "$targets" ] || die "$EXIT_USAGE" "there is no fuzz target called ${2:-at all}"
    for target in $targets; do
        say "fuzzing ${target##*/} for $seconds s"
        fuzz_one "$target" "$seconds" || { failed=1; say "${target##*/}: finding or failure, see build/fuzz/findings/"; }
    done
    exit "$failed"
}
