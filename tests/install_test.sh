#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# install_test.sh STEP BUILD_DIRECTORY: ctest runs the steps in this order.
#   install      installs the build into BUILD_DIRECTORY/consume/prefix, then moves that folder: a package must not
#                remember where it was
#   cmake        builds tests/consume against it by find_package(hone) and runs it
#   pkg-config   the same with nothing but cc and pkg-config
#   manual       the program of docs/library.md, built in both ways by the very lines that it tells, runs
#   component    find_package names the components that there are when it is asked for another one
#   package      the target hone_package makes all that an install needs: `./dev run` builds no more
#   files        the command, its man page and completions are there and not empty
set -eu

step=$1
build=$2
source=$(cd "$(dirname "$0")" && pwd)
work=$build/consume
prefix=$work/moved

do_install() {
    rm -rf "$work"
    cmake --install "$build" --prefix "$work/prefix"
    mv "$work/prefix" "$prefix"
    if grep -rIl -e "$work/prefix" -e "$source" "$prefix"; then
        echo "these installed files name a folder of the build machine" >&2
        exit 1
    fi
}

do_cmake() {
    cmake -S "$source/consume" -B "$work/cmake" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_FLAGS=-Werror
    cmake --build "$work/cmake"
    "$work/cmake/consume"
}

do_pkg_config() {
    PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name hone.pc)")
    export PKG_CONFIG_PATH
    # shellcheck disable=SC2046 # flags are words
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror "$source/consume/consume.c" -o "$work/consume-pc" \
        $(pkg-config --cflags --libs hone)
    "$work/consume-pc"
}

# block LANGUAGE: the code of docs/library.md in that language.
block() { sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{/^\`\`\`/d;p;}" "$source/../docs/library.md"; }

do_manual() {
    rm -rf "$work/manual"
    mkdir -p "$work/manual"
    cd "$work/manual"
    block c >program.c
    block cmake >CMakeLists.txt
    # its own lines and nothing besides; warnings are errors by the environment
    block sh | sed "s|\\<PREFIX\\>|$prefix|; s|^cc |cc -Wall -Wextra -Werror |" >commands
    (unset PKG_CONFIG_PATH && CFLAGS="-Wall -Wextra -Werror" sh -e commands)
    for program in build/program ./program; do
        "$program" "$source/../examples/host-watch/node.toml" | grep -x '[1-9][0-9]* records'
        if "$program" nowhere.toml 2>message; then exit 1; fi
        grep nowhere.toml message
    done
}

do_component() {
    rm -rf "$work/component"
    mkdir -p "$work/component"
    cd "$work/component"
    echo 'cmake_minimum_required(VERSION 3.25)
project(wrong LANGUAGES C)
find_package(hone REQUIRED COMPONENTS base nod)' >CMakeLists.txt
    if cmake -B build -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >message 2>&1; then exit 1; fi
    tr -s ' \n' ' ' <message | grep -F "hone has no component 'nod'; known: base, "
}

# In a tree of its own, where the files of that target are empty and no others exist: it takes a second.
do_package() {
    rm -rf "$work/package"
    cmake -S "$source/.." -B "$work/package/build" -G Ninja -DHONE_TESTS=OFF
    cd "$work/package/build"
    ninja -t commands hone_package | sed -nE 's/.* (qc|-o|>) ([^ ]+).*/\2/p' >"$work/package/files"
    while read -r file; do
        mkdir -p "$(dirname "$file")"
        : >"$file"
    done <"$work/package/files"
    cmake --install . --prefix "$work/package/prefix"
}

do_files() {
    "$prefix/bin/hone" version
    for name in hone.1 completions/hone _hone hone.fish; do
        [ -n "$(find "$prefix/share" -path "*/$name" -size +0)" ] || { echo "missing or empty: $name" >&2; exit 1; }
    done
    mkdir -p "$work/alone/bin"
    cp "$prefix/bin/hone" "$work/alone/bin/"
    "$work/alone/bin/hone" bench --list 2>&1 | grep -F "no bench suites in '$work/alone/libexec/hone'"
}

case $step in
    install) do_install ;;
    cmake) do_cmake ;;
    pkg-config) do_pkg_config ;;
    manual) do_manual ;;
    component) do_component ;;
    package) do_package ;;
    files) do_files ;;
    *) echo "unknown step '$step'" >&2; exit 2 ;;
esac
