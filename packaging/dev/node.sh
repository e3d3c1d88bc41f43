# SPDX-License-Identifier: Apache-2.0
# Sourced by ./dev: a Node.js that is new enough, and what npm installs.
# shellcheck shell=bash

# Vite 8 wants 20.19 or more of Node.js 20, or 22.12 or more. Prints nothing; the answer is the exit code.
node_is_new_enough() {
    command -v node >/dev/null && command -v npm >/dev/null || return 1
    node -e 'const [a, b] = process.versions.node.split(".").map(Number);
        process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)' 2>/dev/null
}

# Puts a usable `node` and `npm` first in PATH. Debian bookworm's own are 18 and 9: they fetch newer ones, as npm
# packages pinned with their hashes by packaging/node/package-lock.json, into .cache/node.
need_node() {
    local stamp wanted
    node_is_new_enough && return 0
    wanted=$(sha256sum <packaging/node/package-lock.json)
    stamp=.cache/node/stamp
    if ! stamp_is "$stamp" "$wanted"; then
        { command -v npm && command -v node; } >/dev/null || need_packages node
        say "the system's Node.js ($(node --version)) is too old for the web client: installing a newer one in .cache/node"
        rm -rf .cache/node
        mkdir -p .cache/node/bin
        cp packaging/node/package.json packaging/node/package-lock.json .cache/node/
        quietly .cache/log/node npm ci --prefix .cache/node --ignore-scripts --no-audit --no-fund ||
            die "$EXIT_NODE" "npm could not install Node.js"
        # npm took the one package that is for this kind of processor.
        (cd .cache/node/bin && ln -s ../node_modules/node-linux-*/bin/node ../node_modules/.bin/npm ../node_modules/.bin/npx .)
    fi
    PATH=$TOP/.cache/node/bin:$PATH
    export PATH
    hash -r
    node_is_new_enough || die "$EXIT_NODE" "the Node.js in .cache/node does not run on this machine"
    stamp_set "$stamp" "$wanted"
}

# npm_ci FOLDER: what its lock file says, only if that or Node.js changed since the last time. No package's install
# script is run: none is needed, and none may download a program.
npm_ci() {
    local folder=$1 wanted
    wanted=$(cat "$folder/package-lock.json" <(node --version) | sha256sum)
    stamp_is "$folder/node_modules/.consilium-stamp" "$wanted" && return 0
    say "npm ci in $folder"
    (
        cd "$folder"
        quietly "$TOP/.cache/log/npm-ci-${folder//\//-}" npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=5
    ) || die "$EXIT_NODE" "npm could not install what $folder needs"
    stamp_set "$folder/node_modules/.consilium-stamp" "$wanted"
}

# build_webclient: webclient/dist, only if one of its inputs changed.
build_webclient() {
    local wanted
    if [ ! -f webclient/package.json ]; then
        say "there is no webclient/package.json: the web client is not built"
        return 0
    fi
    wanted=$(find webclient -name node_modules -prune -o -path webclient/dist -prune -o -type f -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
    stamp_is .cache/stamps/webclient "$wanted" && [ -f webclient/dist/index.html ] && return 0
    need_node
    npm_ci webclient
    say "building the web client"
    (cd webclient && quietly "$TOP/.cache/log/webclient" npm run build) ||
        die "$EXIT_NODE" "the web client could not be built"
    stamp_set .cache/stamps/webclient "$wanted"
}
