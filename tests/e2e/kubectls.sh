#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints the kubectl programs to test with, joined by colons: Debian's 1.20 and the newest, built from source where there is Go;
# and the machine's own where there is none, or with COFFER_LONG=1. What had to be fetched is kept in ~/.cache/coffer-tests.
set -euo pipefail
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/coffer-tests
found=()

debian_kubectl() {
  local program=$CACHE/debian/usr/bin/kubectl
  if dpkg -S "$(command -v kubectl)" 2>/dev/null | grep -q '^kubernetes-client:'; then
    program=$(command -v kubectl)
  elif [ ! -x "$program" ]; then
    mkdir -p "$CACHE/debian"
    (cd "$CACHE" && apt-get download -qq kubernetes-client && dpkg-deb -x kubernetes-client_*.deb debian) >&2 || return 0
  fi
  found+=("$program")
}

other_kubectl() {
  local program
  program=$(command -v kubectl) || return 0
  [[ ":${found[*]}:" == *"$program"* ]] || found+=("$program")
}

newest_kubectl() {
  local program
  program=$("$(dirname "$0")/clients.sh" kubectl) && found+=("$program")
  return 0
}

debian_kubectl
newest_kubectl
if [ ${#found[@]} -lt 2 ] || [ "${COFFER_LONG:-}" = 1 ]; then other_kubectl; fi
(IFS=:; echo "${found[*]}")
