# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by demo.sh and check.sh: Debian packages, progress, builds. They set ROOT, the project's directory, and LOGS, a directory for
# what commands print.

# progress LABEL COMMAND...: runs it with its output in LOGS and shows how long it takes: a line that moves on a terminal, else dots.
# When it fails, shows the end of its output.
progress() {
  local label=$1 log=$LOGS/${1//[^A-Za-z0-9]/-}.log started=$SECONDS status=0 work clock
  shift
  "$@" >"$log" 2>&1 </dev/null &
  work=$!
  [ -t 1 ] || printf '%s ' "$label"
  while kill -0 "$work" 2>/dev/null; do
    if [ -t 1 ]; then printf '\r%s ... %d s ' "$label" $((SECONDS - started)); else printf '.'; fi
    sleep 1 &
    clock=$!
    wait -n "$work" "$clock" || true
    kill "$clock" 2>/dev/null || true
  done
  wait "$work" || status=$?
  if [ -t 1 ]; then printf '\r\033[K%s: ' "$label"; else printf ' '; fi
  if [ "$status" -eq 0 ]; then
    printf 'done, %d s\n' $((SECONDS - started))
  else
    printf 'failed after %d s, exit status %d\n' $((SECONDS - started)) "$status"
    tail -n 40 "$log" | sed 's/^/    /'
  fi
  return "$status"
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# missing_packages PURPOSE...: those of the list that are not installed yet. Another package's kubectl, node or npm conflicts with Debian's
# and serves as well.
missing_packages() {
  local purpose name
  while read -r purpose name; do
    [[ " $* " == *" $purpose "* ]] || continue
    case $name in
      kubernetes-client) command -v kubectl >/dev/null && continue ;;
      nodejs | npm) command -v "${name%js}" >/dev/null && continue ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
  done <"$ROOT/packaging/debian-packages"
}

apt_install() {
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120)
  as_root "${apt[@]}" update && as_root "${apt[@]}" install -y --no-install-recommends "$@"
}

# install_packages PURPOSE...: touches nothing when nothing is missing.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Missing packages, and neither root nor sudo to install them: ${missing[*]}" >&2
      return 1
    fi
    sudo -v || return # asks for the password here, not behind the progress line
  fi
  progress "Installing ${#missing[@]} Debian packages" apt_install "${missing[@]}"
}

# build_with DIRECTORY OPTION...: configures it when it is new, then builds it.
build_with() {
  local directory=$1
  shift
  if [ ! -f "$directory/build.ninja" ]; then
    meson setup "$directory" "$ROOT" "$@" || return
  fi
  ninja -C "$directory"
}

build_release() {
  build_with "$ROOT/build/release" --buildtype=release -Db_lto=true
}
