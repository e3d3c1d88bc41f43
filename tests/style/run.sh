#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The style of the tree as tests: layering, the sans-IO rule, headers, file and function length, licence lines.
#
#   run.sh [FOLDER]    checks that git tree (default: the one this file is in); prints `ok   NAME` or `FAIL NAME` and
#                      the findings of each check, then `N passed, N failed`
#
# It looks at what git tracks or would track. A rule is one shell function that prints its findings; no output is good.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
top=${1:-$here/../..}
cd "$top" || exit 1
top=$(pwd)

# files PATTERN...: what git knows and what is not ignored; deleted files are left out.
files() {
    git -c safe.directory="$top" ls-files -co --exclude-standard -- "$@" | while IFS= read -r f; do
        [ -f "$f" ] && printf '%s\n' "$f"
    done | sort -u
}

# Blanks out comments, strings and character constants of C, keeping the lines.
code_of() { awk -f "$here/strip.awk" "$1"; }

# --- layering: see layers.awk for the table ---
layers() { files '*.c' '*.h' | xargs -r awk -f "$here/layers.awk"; }

# --- sfu/wire, media, transport and room take bytes and a time and give bytes: no clock, socket, thread, log ---
sans_io() {
    files 'sfu/wire/*.[ch]' 'sfu/media/*.[ch]' 'sfu/transport/*.[ch]' 'sfu/room/*.[ch]' | while IFS= read -r f; do
        code_of "$f" | awk -v f="$f" '
            /(^|[^A-Za-z0-9_.>])(clock_gettime|gettimeofday|clock|time|nanosleep|usleep|sleep|socket|bind|connect|listen|accept4?|send|sendto|sendmsg|sendmmsg|recv|recvfrom|recvmsg|recvmmsg|poll|epoll_[a-z0-9]+|eventfd|timerfd_[a-z]+|pthread_[a-z_]+|thrd_[a-z]+|mtx_[a-z]+|fork|printf|fprintf|base_clock_[a-z_]+|base_log_[a-z_]+)[ \t]*\(/ {
                print f ":" NR ": " $0 }'
        grep -nE '^[ \t]*#[ \t]*include[ \t]*[<"](base/(log|clock)\.h|pthread\.h|threads\.h|sys/epoll\.h|poll\.h)[>"]' "$f" |
            sed "s|^|$f:|"
    done
}

# --- a header can be included first ---
headers_alone() {
    flags=$(pkg-config --cflags openssl nice libsrtp2 jansson libwebsockets sqlite3 2>/dev/null)
    files 'base/*.h' 'sfu/*.h' 'signaling/*.h' 'platform/*.h' 'bench/*.h' 'tests/*.h' | while IFS= read -r f; do
        # shellcheck disable=SC2086
        printf '#include "%s"\n' "$f" |
            ${CC:-cc} -std=c11 -D_GNU_SOURCE -DCONSILIUM_VERSION='""' -Wall -Wextra -Werror -fsyntax-only -I . $flags -x c - 2>&1 |
            grep -m 3 -E 'error|warning' | sed "s|^|$f: |"
    done
}

sources() { files '*.c' '*.h' '*.ts' '*.tsx' '*.js' '*.mjs' '*.css' '*.sh' '*.awk' dev .ci/run; }

spdx() {
    sources | while IFS= read -r f; do
        head -n 3 "$f" | grep -q 'SPDX-License-Identifier: Apache-2\.0' || printf '%s: no SPDX line in the first three lines\n' "$f"
    done
}

# --- one idea, one file: 600 lines; what is allowed to be longer says why in long-files.txt ---
file_length() {
    sources | while IFS= read -r f; do
        n=$(wc -l <"$f")
        [ "$n" -le 600 ] || grep -v '^#' "$here/long-files.txt" | grep -qxF "$f" || printf '%s: %d lines\n' "$f" "$n"
    done
    grep -v -e '^#' -e '^$' "$here/long-files.txt" | while IFS= read -r f; do
        [ -f "$f" ] && [ "$(wc -l <"$f")" -gt 600 ] || printf 'tests/style/long-files.txt: %s needs no exception\n' "$f"
    done
}

# --- functions fit on a screen: 80 lines between the braces in the first column (clang-format puts them there) ---
function_length() {
    files '*.c' '*.h' | xargs -r awk '
        FNR == 1 { open = 0 }
        /^\{/ { open = FNR }
        /^\}/ && open { if (FNR - open - 1 > 80) print FILENAME ":" open ": a function of " FNR - open - 1 " lines"; open = 0 }'
}

# --- each top folder has its prefix; what headers declare carries it; no _t of our own ---
names() {
    for area in base:base_ sfu:sfu_ signaling:sig_ platform:plat_ bench:bench_; do
        files "${area%%:*}/*.h" | while IFS= read -r f; do
            code_of "$f" | awk -v f="$f" -v prefix="${area##*:}" '
                /^(static inline |extern )?[a-z][A-Za-z0-9_ ]*[ *][a-z][A-Za-z0-9_]*\(/ && !/^(return|else|if|for|while)/ {
                    name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
                    if (index(name, prefix) != 1) print f ":" NR ": " name " does not begin with " prefix }
                /^struct [a-z0-9_]+ *\{/ && $2 !~ "^" prefix { print f ":" NR ": struct " $2 " does not begin with " prefix }
                /^typedef .*_t;/ { print f ":" NR ": " $0 }'
        done
    done
}

# --- every module of the sans-IO floors has a unit test of its own ---
unit_tests() {
    files 'sfu/wire/*.c' 'sfu/media/*.c' 'sfu/transport/*.c' | while IFS= read -r f; do
        area=$(basename "$(dirname "$f")")
        name=$(basename "$f" .c)
        [ -f "tests/unit/$area/test_$name.c" ] || printf '%s: no tests/unit/%s/test_%s.c\n' "$f" "$area" "$name"
    done
}

# --- nothing outside the tree is mentioned in it (the pattern must not find itself) ---
nothing_outside() {
    files | tr '\n' '\0' | xargs -0 -r grep -nIE '\.\./share[d]' --
}

# --- a relative link in a document leads somewhere ---
links() {
    files '*.md' | while IFS= read -r f; do
        grep -oE '\]\([^)# ]+' "$f" | cut -c3- | grep -v ':' | while IFS= read -r target; do
            [ -e "$(dirname "$f")/$target" ] || printf '%s: broken link %s\n' "$f" "$target"
        done
    done
}

passed=0
failed=0
for check in layers sans_io headers_alone spdx file_length function_length names unit_tests nothing_outside links; do
    findings=$($check)
    if [ -z "$findings" ]; then
        passed=$((passed + 1))
        printf 'ok   %s\n' "$check"
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n%s\n' "$check" "$(printf '%s\n' "$findings" | head -n 40 | sed 's/^/    /')"
    fi
done

# The checks themselves are tested on a tree that breaks every rule once.
if [ "$#" -eq 0 ]; then
    if findings=$("$here/selftest.sh"); then
        passed=$((passed + 1))
        printf 'ok   selftest\n'
    else
        failed=$((failed + 1))
        printf 'FAIL selftest\n%s\n' "$findings"
    fi
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
