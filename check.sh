#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs everything: unit tests, public vectors, fuzzing, the layer check, linters and the end-to-end tests, under ASan and UBSan where
# it is not a release build that must be looked at. Installs what it needs. The last line is `N passed, N failed`.
#
#   check.sh             all of it, in under 15 minutes on two cores
#   check.sh --fast      build, unit tests, corpora, layers and linters only
#   check.sh --long      the long rounds too: 500 kills, longer fuzzing, the machine's own kubectl, ThreadSanitizer
#   check.sh PART...     only these parts: unit layers fuzz lint e2e races
# shellcheck disable=SC2317 # the parts are called by name
set -uo pipefail
exec </dev/null
ROOT=$(cd "$(dirname "$0")" && pwd)
cd "$ROOT" || exit 1
LOGS=$ROOT/build/logs
FUZZ_SECONDS=5
PARTS=(unit layers fuzz lint e2e races)
wanted=()
for argument in "$@"; do
  case $argument in
    --fast) wanted=(unit layers lint) ;;
    --long) export COFFER_LONG=1 FUZZ_SECONDS=300 ;;
    -h | --help) sed -n '3,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *)
      [[ " ${PARTS[*]} " == *" $argument "* ]] || { echo "unknown: $argument (see --help)" >&2; exit 2; }
      wanted+=("$argument")
      ;;
  esac
done
[ ${#wanted[@]} -gt 0 ] || wanted=(unit layers fuzz lint e2e ${COFFER_LONG:+races})
mkdir -p "$LOGS"
# shellcheck source=packaging/setup.sh
. packaging/setup.sh

passed=0 failed=0
wants() { [[ " ${wanted[*]} " == *" $1 "* ]]; }
finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}
# A step that everything after it needs.
need() { progress "$@" || { failed=$((failed + 1)); finish; }; }
# count LABEL COMMAND...: a part; the last `N passed, N failed` that it prints is added up. One that fails without saying counts as one.
count() {
  local label=$1 log=$LOGS/${1//[^A-Za-z0-9]/-}.log status=0 result p=0 f=0
  progress "$@" || status=$?
  result=$(grep -oE '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
  [ -n "$result" ] && read -r p f < <(tr -dc '0-9 \n' <<<"$result")
  [ "$status" -eq 0 ] || [ "$f" -gt 0 ] || f=1
  [ "$status" -ne 0 ] || [ "$p" -gt 0 ] || f=1 # nothing ran: that is no success
  echo "    $label: $p passed, $f failed"
  passed=$((passed + p)) failed=$((failed + f))
}

build_check() { build_with build/check -Dtests=true --buildtype=debugoptimized -Db_sanitize=address,undefined -Dwerror=true; }
# Without -Werror: under this sanitizer GCC's own analysis sees sizes that cannot be.
build_races() { build_with build/races -Dtests=true --buildtype=debugoptimized -Db_sanitize=thread; }
build_fault() { build_with build/fault --buildtype=debugoptimized; }
build_fuzz() { CC=clang build_with build/fuzz -Dtests=true -Dlibfuzzer=true --buildtype=debugoptimized; }

# unit BUILD OPTION...: cmocka's own counts from meson's log; a test program that died counts as one failure.
unit() {
  local log=$1/meson-logs/testlog.txt p f broken status=0
  meson test -C "$1" --no-rebuild --print-errorlogs "${@:2}" || status=$?
  p=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s)\.\?.*/\1/p' "$log" | paste -sd+ | bc_sum)
  f=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test(s).*/\1/p' "$log" | paste -sd+ | bc_sum)
  p=$((p + $(sed -n 's/^\([0-9]*\) inputs replayed$/\1/p' "$log" | paste -sd+ | bc_sum)))
  broken=$(sed -n 's/^Fail: *\([0-9]*\)$/\1/p; s/^Timeout: *\([0-9]*\)$/\1/p' "$log" | paste -sd+ | bc_sum)
  [ "$f" -gt 0 ] || f=$broken
  echo "$p passed, $f failed"
  return "$status"
}
bc_sum() {
  local sum
  read -r sum
  echo $((${sum:-0}))
}

fuzz_one() { # TARGET: fuzzes a copy of its seeds, so that what it finds does not land in the checkout
  local name=${1##*/fuzz-} seeds work=build/fuzz/work/${1##*/fuzz-}
  seeds=tests/fuzz/corpus/$name
  mkdir -p "$work" build/fuzz/found
  "$1" -max_total_time="$FUZZ_SECONDS" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=0 \
    -artifact_prefix="build/fuzz/found/$name-" "$work" "$seeds" >"build/logs/fuzz-$name.log" 2>&1 && return 0
  echo "fuzz-$name failed:"
  grep -vE '^#[0-9]+|NEW|REDUCE' "build/logs/fuzz-$name.log" | head -n 60
  return 1
}
fuzz() {
  local target p=0 f=0
  export -f fuzz_one
  export FUZZ_SECONDS
  while read -r target; do
    if [ "$target" = ok ]; then p=$((p + 1)); elif [ "$target" = broken ]; then f=$((f + 1)); else echo "$target"; fi
  done < <(find build/fuzz -type f -name 'fuzz-*' -perm -u+x | sort |
    xargs -P "$(nproc)" -I{} bash -c 'if fuzz_one {}; then echo ok; else echo broken; fi')
  echo "$p passed, $f failed"
  [ "$f" -eq 0 ]
}

e2e() { # LOG FILE...
  local status=0 log=build/logs/$1
  shift
  COFFER_KUBECTLS=$(tests/e2e/kubectls.sh) /usr/bin/python3 -m pytest -q -p no:cacheprovider --tb=short -ra "$@" >"$log" 2>&1 || status=$?
  tail -n 300 "$log"
  # pytest's last line: "2 failed, 31 passed, 1 error in 5.02s"
  tail -n 1 "$log" | awk '{ p = f = 0; for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i - 1); if ($i ~ /^(failed|error)/) f += $(i - 1) }
    print p " passed, " f " failed" }'
  return "$status"
}

# Tests that mostly wait (for a key to be fetched again, a certificate to end) run beside the others: two pytests, one count.
WAITING=(cert certificates control garbage namespaces oidc revocation tokens webhooks withdrawn)
e2e_all() {
  local name status=0 waiting=() others=()
  for name in tests/e2e/test_*.py; do
    if [[ " ${WAITING[*]/#/tests/e2e/test_} " == *" ${name%.py} "* ]]; then waiting+=("$name"); else others+=("$name"); fi
  done
  COFFER_CANARIES=1 e2e pytest-waiting.txt "${waiting[@]}" tests/e2e/test_zz_canaries.py >build/logs/waiting.txt &
  e2e pytest.txt "${others[@]}" >build/logs/others.txt || status=1
  wait $! || status=1
  cat build/logs/waiting.txt build/logs/others.txt
  tail -qn 1 build/logs/waiting.txt build/logs/others.txt | awk '{ p += $1; f += $3 } END { print p " passed, " f " failed" }'
  return "$status"
}

# What threads share, under ThreadSanitizer: the end-to-end tests in which it changes while it is looked at.
races_e2e() {
  local name files=()
  for name in races watch visible tokens revocation webhooks nodes fairness custom subresources; do files+=("tests/e2e/test_$name.py"); done
  COFFER_BIN=$ROOT/build/races/src/cmd/coffer e2e pytest-races.txt "${files[@]}"
}

need_packages() { install_packages build test || { failed=$((failed + 1)); finish; }; }

need_packages
need "Building with -Werror, ASan and UBSan" build_check
if wants fuzz || wants lint; then need "Building for fuzzing" build_fuzz; fi
if wants e2e || wants races; then
  need "Building a release binary" build_release
  need "Building with failing allocations" build_fault
fi
if wants races; then need "Building with ThreadSanitizer" build_races; fi
if wants unit; then count "Unit tests and corpora" unit build/check; fi
if wants layers; then count "Layers" tests/layers.py; fi
if wants fuzz; then count "Fuzzing" fuzz; fi
if wants lint; then count "Linters" tests/lint.sh build/fuzz; fi
if wants e2e; then count "End to end" e2e_all; fi
if wants races; then
  count "Unit tests under ThreadSanitizer" unit build/races --timeout-multiplier 5
  count "End to end under ThreadSanitizer" races_e2e
fi
finish
