# SPDX-License-Identifier: Apache-2.0
# Includes point downward only. Input: all C files of the tree; output: what breaks the table.

BEGIN {
    # area of the file = areas (or single headers) that it may include, itself apart
    may["base"] = ""
    may["sfu/wire"] = "base"
    may["sfu/media"] = "base sfu/wire"
    may["sfu/transport"] = "base sfu/wire"
    may["sfu/room"] = "base sfu/wire sfu/media sfu/transport"
    may["sfu/io"] = "base sfu/wire sfu/transport"
    may["sfu"] = "base sfu/wire sfu/media sfu/transport sfu/room sfu/io"
    may["signaling"] = "base sfu/sfu.h"
    may["platform"] = "base sfu/sfu.h signaling"
    may["bench/media"] = "base"
    may["bench/client"] = "base sfu/wire sfu/media sfu/transport sfu/io bench/media"
    may["bench/scenario"] = "base bench/media bench/client/network_profile.h"
    may["bench/target"] = "base bench/media bench/client sfu/io"
    may["bench/report"] = "base bench/client/histogram.h"
    may["bench/run"] = "base bench/media bench/client bench/scenario bench/target bench/report sfu/io"
    may["bench"] = "base bench/media bench/client bench/scenario bench/target bench/report bench/run"
    # it measures the engine and a whole worker
    may["bench/micro"] = "base bench/client sfu/wire sfu/media sfu/transport sfu/io sfu/room sfu/sfu.h"
    for (area in may) {
        n = split(may[area], list, " ")
        for (i = 1; i <= n; i++) allowed[area, list[i]] = 1
        allowed[area, area] = 1
    }
}

# The area of a path: sfu/wire/rtp.h -> sfu/wire, sfu/worker.c -> sfu, signaling/x/y.h -> signaling.
function area_of(path,    part, n) {
    n = split(path, part, "/")
    if (part[1] == "sfu" && n > 2) return "sfu/" part[2]
    if (part[1] == "bench" && n > 2) return "bench/" part[2]
    return part[1]
}

# routes -> service -> store inside a module of the platform; across modules only the module's own header; core is open.
function platform_rule(file, header,    f, h, n, m) {
    n = split(file, f, "/")
    m = split(header, h, "/")
    if (n < 3 || m < 3 || h[2] == "core") return ""
    if (f[2] != h[2]) return h[m] == h[2] ".h" ? "" : "another module's inside"
    if (f[n] ~ /^store\./ && h[m] ~ /^(service|routes)\.h/) return "the store is below"
    if (f[n] ~ /^service\./ && h[m] ~ /^routes\.h/) return "the service is below"
    return ""
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    header = $0
    sub(/^[^"]*"/, "", header)
    sub(/".*/, "", header)
    area = area_of(FILENAME)
    if (area == "tests") next
    if (header !~ /\// || header ~ /^\.\.?\//) {
        print FILENAME ":" FNR ": \"" header "\": includes are written from the top of the tree"
        next
    }
    target = area_of(header)
    if (!(area in may)) print FILENAME ":" FNR ": the table in tests/style/layers.awk does not know " area
    else if (!((area, target) in allowed) && !((area, header) in allowed))
        print FILENAME ":" FNR ": " area " must not include " header
    else if (area == "platform" && target == "platform" && (why = platform_rule(FILENAME, header)) != "")
        print FILENAME ":" FNR ": must not include " header ": " why
}
