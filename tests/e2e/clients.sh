#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes a client to test with, and prints where it is. What had to be fetched or built is kept in ~/.cache/coffer-tests.
# When it can't be had here it says why, and exits 1: tests that need it are left out with that line.
#
#   clients.sh kubectl   the newest kubectl, built from the Go module proxy (three minutes on two cores, once)
#   clients.sh helm      helm 3, built with it
#   clients.sh node      a directory with node_modules/@kubernetes/client-node
#   clients.sh python    a python with the package kubernetes
set -euo pipefail
KUBECTL=v1.37.2 HELM=v3.22.0 CLIENT_NODE=1.4.0 KUBERNETES=37.0.2
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/coffer-tests
NAME=${1:?kubectl, helm, node or python}

unavailable() {
  echo "left out: $*" >&2
  exit 1
}

# once DIRECTORY COMMAND...: fills DIRECTORY by the command, run in a new one that takes its name when all went well.
once() {
  local directory=$1 log=$1.log
  shift
  [ -d "$directory" ] && return
  mkdir -p "$CACHE"
  exec 9>"$directory.lock"
  flock 9
  [ -d "$directory" ] && return
  NEW=$(mktemp -d "$directory.XXXXXX")
  trap 'chmod -R u+w "$NEW" 2>/dev/null; rm -rf "$NEW"' EXIT
  (cd "$NEW" && "$@") >"$log" 2>&1 || unavailable "$NAME could not be fetched or built (no network?), see $log"
  mv "$NEW" "$directory"
}

# Both in one module: they share most of what is compiled.
build_go() {
  cat >go.mod <<EOF
module tests.local/clients

go 1.24.0

require (
	helm.sh/helm/v3 $HELM
	k8s.io/kubectl v0.${KUBECTL#v1.}
)
EOF
  cat >main.go <<'EOF'
package main

import (
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
EOF
  export CGO_ENABLED=0 GOFLAGS="-mod=mod -buildvcs=false -trimpath"
  local version=k8s.io/component-base/version minor=${KUBECTL#v1.}
  go build -ldflags "-s -w -X $version.gitVersion=$KUBECTL -X $version.gitMajor=1 -X $version.gitMinor=${minor%.*}" -o kubectl .
  go build -ldflags "-s -w" -o helm helm.sh/helm/v3/cmd/helm
}

go_client() { # PROGRAM
  if ! command -v go >/dev/null || ! printf '1.24\n%s\n' "$(go env GOVERSION | tr -d 'go')" | sort -VC; then
    unavailable "no Go 1.24 or newer here to build $NAME"
  fi
  once "$CACHE/go-kubectl-$KUBECTL-helm-$HELM" build_go
  echo "$CACHE/go-kubectl-$KUBECTL-helm-$HELM/$1"
}

node_client() {
  if ! command -v npm >/dev/null || [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 18 ]; then
    unavailable "no node 18 or newer with npm here"
  fi
  once "$CACHE/client-node-$CLIENT_NODE" npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error \
    --fetch-retries=1 --fetch-retry-mintimeout=1000 --prefix . "@kubernetes/client-node@$CLIENT_NODE"
  echo "$CACHE/client-node-$CLIENT_NODE"
}

build_python() {
  /usr/bin/python3 -m venv environment
  environment/bin/pip install --quiet --disable-pip-version-check "kubernetes==$KUBERNETES"
}

python_client() {
  once "$CACHE/python-kubernetes-$KUBERNETES" build_python
  echo "$CACHE/python-kubernetes-$KUBERNETES/environment/bin/python3"
}

case $NAME in
  kubectl | helm) go_client "$NAME" ;;
  node | python) "${NAME}_client" ;;
  *) sed -n '3,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
