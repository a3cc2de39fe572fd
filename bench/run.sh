#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures Coffer against its peers and limits on this machine, in one run, and prints the table of RESULTS.md, of which README has a part. Installs what it needs.
#   bench/run.sh [NAME...]     only those measurements; names: bench/run.sh --list
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
LOGS=$ROOT/build/logs
cd "$ROOT"
mkdir -p "$LOGS"
# shellcheck source=packaging/setup.sh
. packaging/setup.sh
build_bench() { build_with build/bench --buildtype=release -Db_lto=true -Dbench=true; }

install_packages build bench
progress "Building a release" build_bench
exec /usr/bin/python3 bench/run.py build/bench "$@"
