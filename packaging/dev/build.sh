# SPDX-License-Identifier: Apache-2.0
# Sourced by ./dev: the C builds, one folder each under build/.
# shellcheck shell=bash

# setup_c KIND: configures build/KIND once; later it only follows changes of the meson files, so that what is asked about
# targets and tests afterwards is true.
setup_c() {
    local kind=$1 options=()
    if [ -f "build/$kind/build.ninja" ]; then
        quietly ".cache/log/meson-$kind" ninja -C "build/$kind" build.ninja || die "$EXIT_BUILD" "meson failed"
        return 0
    fi
    case "$kind" in
    release) options=(-Dbuildtype=release -Doptimization=2 -Ddebug=true) ;;
    asan) options=(-Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false) ;;
    tsan) options=(-Dbuildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false) ;;
    fuzz)
        options=(-Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true
            -Dc_args=-fsanitize=fuzzer-no-link)
        local -x CC=clang
        ;;
    esac
    say "configuring build/$kind"
    rm -rf "build/$kind"
    quietly ".cache/log/meson-$kind" meson setup "build/$kind" . "${options[@]}" || die "$EXIT_BUILD" "meson setup failed"
}

# build_c KIND [TARGET...]: all targets by default.
build_c() {
    local kind=$1
    shift
    setup_c "$kind"
    quietly ".cache/log/ninja-$kind" ninja -C "build/$kind" "$@" || die "$EXIT_BUILD" "the C build ($kind) failed"
}

# build_all [TARGET...]: the release server (and those) and the web client, side by side when both have work to do.
build_all() {
    local server code=0
    build_c release platform/consilium "$@" &
    server=$!
    (build_webclient) || code=$?
    wait "$server" || code=$?
    [ "$code" = 0 ] || exit "$code"
}

# targets_of KIND PREFIX: the executables of that build whose name starts so, as paths inside the build folder.
targets_of() {
    ninja -C "build/$1" -t targets rule c_LINKER | grep -v '^ninja:' | awk -F/ -v p="$2" 'index($NF, p) == 1' | sort -u
}

# launcher: prints the words to put before a sanitised program. GCC 12's and clang 14's sanitizers do not know the
# address space layout of newer kernels (vm.mmap_rnd_bits over 28) and then die at start; without randomisation they run.
launcher() {
    if setarch -R true 2>/dev/null; then printf 'setarch -R'; fi
}
