#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Do the checks of run.sh see anything? A small tree breaks each rule; each check must fail, and say where.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cd "$tree"
git init -q .
mkdir -p base sfu/wire sfu/media sfu/transport sfu/io signaling platform/core platform/rcp platform/visio tests/unit

licence='/* SPDX-License-Identifier: Apache-2.0 */'
# file NAME LINES...: a source file that breaks nothing by itself
file() {
    name=$1
    shift
    { printf '%s\n' "$licence"; printf '%s\n' "$@"; } >"$name"
}

file base/up.c '#include "signaling/session.h"'
file sfu/wire/up.c '#include "sfu/media/x.h"'
file sfu/media/across.c '#include "sfu/transport/x.h"'
file sfu/transport/across.c '#include "sfu/media/x.h"'
file sfu/io/up.c '#include "sfu/room/x.h"'
file signaling/inside.c '#include "sfu/room/engine.h"'
file platform/rcp/store.c '#include "platform/rcp/service.h"'
file platform/rcp/service.c '#include "platform/visio/store.h"'
file platform/rcp/fine.c '#include "platform/visio/visio.h"' '#include "platform/core/db.h"' '#include "sfu/sfu.h"'
file sfu/wire/clock.c '/* time( in a comment is fine */ const char *text = "time(";' 'long now(void) { return time(0); }'
file sfu/media/log.c '#include "base/log.h"'
file base/needs.h 'size_t base_needs_stddef(void);'
file base/prefix.h 'int other_name(int x);'
printf 'int no_licence;\n' >base/no_licence.c
{ printf '%s\n' "$licence"; yes 'int x;' | head -n 600; } >base/long.c
{ printf '%s\n' "$licence" 'int f(void)' '{'; yes '    g();' | head -n 81; printf '}\n'; } >base/function.c
printf '../share''d/DESIGN.md and [a link](nowhere.md)\n' >doc.md

out=$("$here/run.sh" "$tree" || true)
status=0
expect() {
    printf '%s\n' "$out" | grep -qF -- "$1" || {
        printf '    not reported: %s\n' "$1"
        status=1
    }
}
for check in layers sans_io headers_alone spdx file_length function_length names unit_tests nothing_outside links; do
    expect "FAIL $check"
done
expect 'base/up.c:2: base must not include signaling/session.h'
expect 'sfu/wire/up.c:2: sfu/wire must not include'
expect 'sfu/media/across.c:2: sfu/media must not include'
expect 'sfu/transport/across.c:2: sfu/transport must not include'
expect 'sfu/io/up.c:2: sfu/io must not include'
expect 'signaling/inside.c:2: signaling must not include'
expect 'platform/rcp/store.c:2: must not include platform/rcp/service.h: the store is below'
expect "platform/rcp/service.c:2: must not include platform/visio/store.h: another module's inside"
expect 'sfu/wire/clock.c:3:'
expect 'sfu/media/log.c:2:'
expect 'base/needs.h: '
expect 'base/prefix.h:2: other_name'
expect 'base/no_licence.c: no SPDX'
expect 'base/long.c: 601 lines'
expect 'base/function.c:3: a function of 81 lines'
for fine in 'platform/rcp/fine.c' 'sfu/wire/clock.c:2'; do
    if printf '%s\n' "$out" | grep -F -- "    $fine" | grep -v 'unit/' | grep -q .; then
        printf '    reported without reason: %s\n' "$fine"
        status=1
    fi
done
exit "$status"
