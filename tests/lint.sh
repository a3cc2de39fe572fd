#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The linters, one result each. lint.sh CLANG_BUILD: a build directory made with CC=clang, for its compile_commands.json. The last line is
# `N passed, N failed`. lint.sh CLANG_BUILD NAME... runs only those.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
CLANG_BUILD=${1:-build/fuzz}
shift
JOBS=$(nproc)

files() { # what belongs to the project: tracked or about to be; all of it where there is no git
  { git ls-files --cached --others --exclude-standard 2>/dev/null || find . -type f -not -path './build/*' -not -path './.git/*' -not -path '*/__pycache__/*' -printf '%P\n'; } | sort -u |
    while read -r file; do [ -f "$file" ] && echo "$file"; done
}
sources() { files | grep -E '^(src|tests|bench)/.*\.[ch]$'; }

format() { sources | xargs -r clang-format-14 --dry-run -Werror; }

tidy() {
  local output
  output=$(files | grep -E '^src/.*\.c$' | xargs -r -P "$JOBS" -n 4 clang-tidy -p "$CLANG_BUILD" --quiet 2>&1 |
    grep -vE '^[0-9]+ warnings? (generated|treated)|^$')
  echo "$output"
  ! grep -qE '(warning|error):' <<<"$output"
}

check_cpp() {
  cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 -j "$JOBS" \
    --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches --suppress=varFuncNullUB -D__GNUC__=12 -D_GNU_SOURCE -I src src
}

shell() { files | grep -E '\.sh$|^\.ci/run$' | xargs -r shellcheck -x; }

python() {
  local file status=0
  for file in $(files | grep -E '\.py$'); do
    /usr/bin/python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$file" || status=1
  done
  return $status
}

# Every file that can carry one has an SPDX line near its top.
spdx() {
  local file status=0
  while read -r file; do
    head -n 3 "$file" | grep -qE 'SPDX-License-Identifier: (Apache-2.0|MIT)' && continue
    echo "$file: no SPDX line"
    status=1
  done < <(files | grep -vE '^(LICENSE|\.gitignore|\.clang-format|\.clang-tidy)$|^tests/golden/exchanges/|^tests/fuzz/corpus/|^tests/vectors/|\.(json|pem|crt|key|bin|hex|svg|png)$')
  return $status
}

# Functions fit a screen, files hold one subject.
size() {
  files | grep -E '^(src|bench)/.*\.[ch]$' | xargs -r awk '
    FNR == 1 { start = 0; if (NR > 1 && lines > 600) { printf "%s: %d lines\n", name, lines; bad = 1 } }
    { name = FILENAME; lines = FNR }
    /^\{[ \t]*$/ { start = FNR }
    /^\}/ { if (start && FNR - start - 1 > 70) { printf "%s:%d: a function of %d lines\n", FILENAME, start, FNR - start - 1; bad = 1 } start = 0 }
    END { if (lines > 600) { printf "%s: %d lines\n", name, lines; bad = 1 } exit bad }'
}

# Nothing unfinished, nothing of one machine, and no call that this code does not use.
words() {
  local status=0
  if files | grep -E '^(src|tests|bench|schemas|proto|packaging|docs|README)' | grep -vE '^tests/(fuzz/corpus|golden|vectors)/|^tests/lint.sh$' |
    xargs -r grep -nIE '\b(TODO|FIXME|XXX|HACK)\b|/(work|root)/|/tmp/(build|bash_jobs)'; then status=1; fi
  if files | grep -E '^src/.*\.[ch]$' | xargs -r grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|alloca|mktemp|tmpnam|system|popen|rand|srand)\('; then status=1; fi
  return $status
}

manual() { # of the manual pages that the program prints, where it is built
  local program=build/check/src/cmd/coffer command status=0
  [ -x "$program" ] || return 0
  for command in '' serve exec cert completion manual help version; do
    "$program" manual $command | mandoc -T lint -W warning || status=1
  done
  return $status
}

CHECKS=(format tidy check_cpp shell python spdx size words manual)
[ $# -eq 0 ] || CHECKS=("$@")
passed=0 failed=0
for check in "${CHECKS[@]}"; do
  if output=$("$check" 2>&1); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf '%s:\n%s\n' "$check" "$output" | head -n 100
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
