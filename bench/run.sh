#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures Coffer against its peers and limits on this machine, in one run, and prints the table of README.md.
#   bench/run.sh [NAME...]     only those measurements; names: bench/run.sh --list
set -euo pipefail
cd "$(dirname "$0")/.."
need=()
for program in nginx:nginx-light taskset:util-linux openssl:openssl meson:meson ninja:ninja-build; do
    command -v "${program%%:*}" >/dev/null || [ -x "/usr/sbin/${program%%:*}" ] || need+=("${program##*:}")
done
if [ ${#need[@]} -gt 0 ]; then
    sudo=$([ "$(id -u)" = 0 ] || echo sudo)
    $sudo apt-get install -y --no-install-recommends "${need[@]}" >/dev/null
fi
build=build/bench
[ -d $build ] || meson setup $build --buildtype=release -Db_lto=true -Dbench=true >/dev/null
ninja -C $build >/dev/null
exec /usr/bin/python3 bench/run.py "$build" "$@"
