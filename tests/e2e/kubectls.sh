#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints the kubectl programs to test with, joined by colons: Debian's 1.20, another one when that is what the machine has, and with
# COFFER_LONG=1 the newest, built from source where there is Go. What had to be fetched is kept in ~/.cache/coffer-tests.
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
  [ "$program" = "${found[0]:-}" ] || found+=("$program")
}

newest_kubectl() {
  local program=$CACHE/newest/kubectl
  [ "${COFFER_LONG:-}" = 1 ] || return 0
  "$(dirname "$0")/build_kubectl.sh" "$program" >&2 && found+=("$program")
  return 0
}

debian_kubectl
other_kubectl
newest_kubectl
(IFS=:; echo "${found[*]}")
