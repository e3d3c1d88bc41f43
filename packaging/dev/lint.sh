# SPDX-License-Identifier: Apache-2.0
# Sourced by ./dev: `./dev lint`. Prints each finding; exit code 1 if there was any.
# shellcheck shell=bash

# lint_step NAME COMMAND...
lint_step() {
    local name=$1
    shift
    if "$@"; then say "$name: clean"; else say "$name: findings above"; LINT_FAILED=1; fi
}

c_files() { git -c safe.directory="$TOP" ls-files -co --exclude-standard -- "$@"; }

lint_format() { c_files '*.c' '*.h' | xargs -r clang-format --dry-run -Werror; }

# Four files a process, as many processes as processors; GCC's flags that clang does not know are no finding.
lint_tidy() {
    setup_c release
    c_files 'base/*.c' 'sfu/*.c' 'signaling/*.c' 'platform/*.c' 'bench/*.c' |
        xargs -r -P "$(nproc)" -n 4 timeout 300 clang-tidy -p build/release --quiet --warnings-as-errors='*' \
            --extra-arg=-Wno-unknown-warning-option 2> >(grep -v 'warnings generated\|Suppressed\|Use -header-filter' >&2)
}

lint_cppcheck() {
    timeout 600 cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
        --suppress=missingIncludeSystem --suppress=unknownMacro -D_GNU_SOURCE -I . -j "$(nproc)" base sfu signaling platform bench
}

# What is told apart on purpose: exit codes used by the file that sources another, words split into arguments.
lint_shell() {
    c_files '*.sh' dev .ci/run | xargs -r shellcheck -x -e SC1091,SC2003,SC2016,SC2034,SC2054,SC2086,SC2329
}

lint_web() { (cd webclient && npm run --silent "$1"); }

lint_main() {
    LINT_FAILED=0
    need_packages build lint
    need_node
    [ -f webclient/package.json ] && npm_ci webclient
    lint_step clang-format lint_format
    lint_step clang-tidy lint_tidy
    lint_step cppcheck lint_cppcheck
    lint_step shellcheck lint_shell
    if [ -f webclient/package.json ]; then
        lint_step oxlint lint_web lint
        lint_step tsc lint_web typecheck
    fi
    exit "$LINT_FAILED"
}
