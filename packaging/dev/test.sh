# SPDX-License-Identifier: Apache-2.0
# Sourced by ./dev: `./dev test`. Each runner leaves build/test/NAME.result:
#     passed N
#     failed N
#     name WHAT FAILED            (any number)
# written by packaging/dev/results.mjs from what the test tool reported. A runner without that file did not report, and
# that is a failure; so is a test that crashed, timed out, was skipped or printed no result.
# shellcheck shell=bash

RESULTS=build/test
RUNNERS=(style c threads web types pages fuzz e2e)
FILTER=

# runs NAME: is this runner wanted? The filter names a runner, or else a part of a test's name.
runs() {
    case " ${RUNNERS[*]} " in
    *" $FILTER "*) [ "$FILTER" = "$1" ] ;;
    *) [ -z "$FILTER" ] || case "$1" in c | threads | web | fuzz | e2e) true ;; *) false ;; esac ;;
    esac
}

# name_filter: the part of a test's name to look for; empty if the filter is a runner.
name_filter() {
    case " ${RUNNERS[*]} " in
    *" $FILTER "*) ;;
    *) printf '%s' "$FILTER" ;;
    esac
}

results() { node packaging/dev/results.mjs "$@"; }

# runner NAME FUNCTION: runs it in a subshell (its failure is not ours) and says how it went.
runner() {
    local name=$1 started=$SECONDS
    runs "$name" || return 0
    (set +e && "$2" "$name") >"$RESULTS/$name.log" 2>&1 </dev/null || true
    if [ ! -f "$RESULTS/$name.result" ]; then
        printf 'passed 0\nfailed 1\nname %s: did not report (see %s)\n' "$name" "$RESULTS/$name.log" >"$RESULTS/$name.result"
        tail -n 30 "$RESULTS/$name.log" | sed "s/^/dev: $name | /" >&2
    fi
    # An empty runner is fine only where a part of a name was asked for.
    if [ -z "$(name_filter)" ] && grep -q '^passed 0$' "$RESULTS/$name.result" && grep -q '^failed 0$' "$RESULTS/$name.result"; then
        printf 'passed 0\nfailed 1\nname %s: found no test\n' "$name" >"$RESULTS/$name.result"
    fi
    say "$(awk -v n="$name" -v s=$((SECONDS - started)) '{ v[$1] = $2 }
        END { printf "%-8s %4d passed %4d failed  %4d s", n, v["passed"], v["failed"], s }' "$RESULTS/$name.result")"
}

# --- the runners; each is called as FUNCTION NAME, output and exit code unseen ---

run_style() {
    timeout 120 tests/style/run.sh >"$RESULTS/$1.out" 2>&1
    results lines "$1" "$RESULTS/$1.out" $?
    cat "$RESULTS/$1.out"
}

# meson_tests NAME BUILD SUITE SECONDS: SUITE may be empty for all. Builds only what these tests need.
meson_tests() {
    local name=$1 kind=$2 suite=$3 limit=$4 tests targets
    setup_c "$kind"
    meson introspect --tests --targets -f "build/$kind" >"$RESULTS/$name.tests.json" || return
    tests=$(results select names "$RESULTS/$name.tests.json" "$suite" "$(name_filter)") || return
    targets=$(results select targets "$RESULTS/$name.tests.json" "$suite" "$(name_filter)") || return
    if [ -z "$tests" ]; then
        printf 'passed 0\nfailed 0\n' >"$RESULTS/$name.result"
        return
    fi
    # shellcheck disable=SC2086
    build_c "$kind" $targets
    rm -f "build/$kind"/meson-logs/testlog*
    # shellcheck disable=SC2046,SC2086
    ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1:strict_string_checks=1 \
        UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 \
        timeout -k 10 "$limit" $(launcher) \
        meson test -C "build/$kind" --no-rebuild --timeout-multiplier 4 --print-errorlogs $tests
    results meson "$name" "build/$kind/meson-logs/testlog.json" "$tests"
}

run_c() { meson_tests "$1" asan '' 600; }
run_threads() { meson_tests "$1" tsan threads 300; }

run_web() {
    (cd webclient && timeout -k 10 300 npx --no-install vitest run ${1:+$(name_filter)} \
        --reporter=default --reporter=json --outputFile.json="../$RESULTS/$1.json")
    results vitest "$1" "$RESULTS/$1.json"
}

# The pages in Chromium against a server that is played: states that a real one rarely shows.
run_pages() {
    (cd webclient && timeout -k 10 400 node test/pages.mjs) >"$RESULTS/$1.out" 2>&1
    results lines "$1" "$RESULTS/$1.out" $?
    cat "$RESULTS/$1.out"
}

run_types() {
    local folder
    : >"$RESULTS/$1.codes"
    for folder in webclient tests/e2e; do
        (cd "$folder" && timeout -k 10 180 npm run --silent typecheck)
        echo "$? $folder" >>"$RESULTS/$1.codes"
    done
    results codes "$1" "$RESULTS/$1.codes"
}

# Each target for a few seconds, two at a time: the corpus is replayed first, then varied.
run_fuzz() {
    local target
    : >"$RESULTS/$1.codes"
    fuzz_build
    fuzz_targets "$(name_filter)" | xargs -r -P 2 -I{} bash -c '
        . packaging/dev/common.sh; . packaging/dev/build.sh; . packaging/dev/fuzz.sh
        fuzz_one {} 5; echo "$? {}" >>'"$RESULTS/$1.codes"
    results codes "$1" "$RESULTS/$1.codes"
}

run_e2e() {
    local kind=${CONSILIUM_E2E_BUILD:-asan}
    build_c "$kind" platform/consilium
    rm -f "$RESULTS/$1.json"
    # shellcheck disable=SC2046
    CONSILIUM_SERVER=$TOP/build/$kind/platform/consilium CONSILIUM_STATIC=$TOP/webclient/dist \
        PLAYWRIGHT_JSON_OUTPUT_NAME=$TOP/$RESULTS/$1.json \
        timeout -k 20 900 tests/e2e/run.sh --reporter=list,json $(f=$(name_filter) && [ -n "$f" ] && printf -- '--pass-with-no-tests -g %s' "$f")
    results playwright "$1" "$RESULTS/$1.json"
}

# --- the whole ---

# lane_c / lane_web run side by side; the browsers come after both, alone on the machine.
lane_c() {
    runner c run_c
    runner threads run_threads
    runner fuzz run_fuzz
}

lane_web() {
    runner style run_style
    runs web || runs types || runs pages || runs e2e || return 0
    (build_webclient && [ -f webclient/package.json ] && npm_ci webclient) || true
    if runs e2e || runs types; then (npm_ci tests/e2e) || true; fi
    runner web run_web
    runner types run_types
    runner pages run_pages
}

test_main() {
    FILTER=${1:-}
    . packaging/dev/fuzz.sh
    need_packages build test e2e
    need_node
    rm -rf "$RESULTS"
    mkdir -p "$RESULTS"
    lane_c &
    local c=$!
    lane_web
    wait "$c"
    runner e2e run_e2e
    summary
}

# summary: what failed, then the one line that counts.
summary() {
    local name
    for name in "${RUNNERS[@]}"; do
        runs "$name" || continue
        [ -f "$RESULTS/$name.result" ] || printf 'passed 0\nfailed 1\nname %s: did not run\n' "$name" >"$RESULTS/$name.result"
        grep -q '^failed 0$' "$RESULTS/$name.result" || say "the output of $name: $RESULTS/$name.log"
    done
    awk '$1 == "name" { sub(/^name /, ""); print "FAILED " $0 }' "$RESULTS"/*.result
    awk '{ sum[$1] += $2 }
        END { printf "%d passed, %d failed\n", sum["passed"], sum["failed"]; exit sum["failed"] > 0 || sum["passed"] == 0 }' \
        "$RESULTS"/*.result
}
