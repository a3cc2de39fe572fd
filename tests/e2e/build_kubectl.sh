#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build_kubectl.sh FILE: builds kubectl v1.34.4 from the Go module proxy (minutes, and 700 MB of module cache) unless FILE is there.
# Where there is no Go 1.24 or newer it says so and exits 1.
set -euo pipefail
VERSION=v1.34.4 STAGING=v0.34.4
FILE=$1
[ ! -x "$FILE" ] || exit 0
if ! command -v go >/dev/null || ! printf '1.24\n%s\n' "$(go env GOVERSION | tr -d 'go')" | sort -VC; then
  echo "the newest kubectl is left out: no Go 1.24 here to build it"
  exit 1
fi
mkdir -p "$(dirname "$FILE")"
WORK=$(mktemp -d)
trap 'chmod -R u+w "$WORK"; rm -rf "$WORK"' EXIT
export CGO_ENABLED=0 GOFLAGS="-mod=mod -buildvcs=false -trimpath"
cd "$WORK"
# Kubernetes' own go.mod under another name, with its staging modules from the proxy instead of ./staging
module=$(go mod download -json "k8s.io/kubernetes@$VERSION" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
sed -e 's|^module .*|module tests.local/kubectl|' -e "s|\(k8s.io/[a-z-]*\) => ./staging/src/k8s.io/.*|\1 => \1 $STAGING|" "$module" >go.mod
echo "require k8s.io/kubernetes $VERSION" >>go.mod
flags="-s -w"
for package in k8s.io/client-go/pkg/version k8s.io/component-base/version; do
  flags+=" -X $package.gitVersion=$VERSION -X $package.gitMajor=1 -X $package.gitMinor=34"
done
go build -ldflags "$flags" -o "$FILE" k8s.io/kubernetes/cmd/kubectl
