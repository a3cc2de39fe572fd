#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Shows what Coffer does, on a bare Debian 12: installs what it needs, builds, and walks through the life of a Secret and of a custom
# resource in a scratch directory that is removed at the end. A second run skips what is done. Touches no kubeconfig of yours.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")" && pwd)
cd "$ROOT"
SCRATCH=$(mktemp -d /tmp/coffer-demo.XXXXXX)
LOGS=$SCRATCH
DATA=$SCRATCH/data
COFFER=$ROOT/build/release/src/cmd/coffer
VALUE=correct-horse-battery-staple
CHANGED=a-new-value-that-kubectl-sees
TOKEN=token-in-a-custom-resource
STARTED=$SECONDS
# shellcheck source=packaging/setup.sh
. "$ROOT/packaging/setup.sh"

server='' watcher=''
cleanup() {
  local status=$?
  trap - EXIT
  for process in $watcher $server; do kill "$process" 2>/dev/null && wait "$process" 2>/dev/null; done
  if [ "$status" -ne 0 ]; then
    echo "The demo stopped early (exit status $status)." >&2
    [ ! -s "$SCRATCH/server.log" ] || tail -n 20 "$SCRATCH/server.log" >&2
  fi
  rm -rf "$SCRATCH"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }
show() { printf '  $ %s\n' "$*"; }
indent() { sed 's/^/    /'; }
k() { KUBECONFIG=$DATA/admin.kubeconfig HOME=$SCRATCH kubectl "$@"; }
# wait_for FILE TEXT: until the file holds the text; gives up when the server is gone, or after 10 s.
wait_for() {
  local deadline=$((SECONDS + 10))
  until grep -q -- "$2" "$1" 2>/dev/null; do
    if ! kill -0 "$server" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
      echo "waited in vain for: $2" >&2
      return 1
    fi
    sleep 0.05
  done
}
# exec: the process that is signalled must be coffer, also where this runs in a subshell.
serve() { exec "$COFFER" serve --data-dir "$DATA" --unlock "file:$SCRATCH/unlock.key" "$@"; }
# secret VALUE: its manifest.
secret() {
  cat >"$SCRATCH/db.yaml" <<YAML
apiVersion: v1
kind: Secret
metadata: {name: db}
data: {password: $(printf %s "$1" | base64)}
YAML
}
revision() { k get secret db -o 'jsonpath={.metadata.resourceVersion}'; }
# must_be_ciphertext VALUE...: no file of the store holds one of them.
must_be_ciphertext() {
  local form
  for form in "$@"; do
    if grep -qaF -- "$form" "$DATA"/*; then
      echo "found in clear: $form" >&2
      return 1
    fi
    show "grep -aF '$form' $DATA/*   (found nothing)"
  done
}
# What must be refused: shows the sentence.
refused() {
  local output
  if output=$("$@" 2>&1 </dev/null); then
    echo "it was done, and should not have been" >&2
    return 1
  fi
  tail -n 1 <<<"$output" | indent
}

install_packages build demo
progress "Building a release binary" build_release

say "1. A server starts on loopback. Its first start makes a CA, certificates, an admin's kubeconfig and the encryption keys."
show "coffer serve --data-dir $DATA --listen 127.0.0.1:0 --unlock file:$SCRATCH/unlock.key"
serve --listen 127.0.0.1:0 >"$SCRATCH/server.log" 2>&1 </dev/null &
server=$!
wait_for "$DATA/admin.kubeconfig" 'server: *"\{0,1\}https://'
PORT=$(sed -n 's|.*server: *"\{0,1\}https://[^:]*:\([0-9]*\).*|\1|p' "$DATA/admin.kubeconfig")
until k get --raw /readyz >/dev/null 2>&1; do
  kill -0 "$server"
  sleep 0.05
done
echo "    ready on 127.0.0.1:$PORT"

say "2. kubectl applies a Secret from a manifest. Applied again it is unchanged, and nothing is written."
secret "$VALUE"
show "cat db.yaml"
indent <"$SCRATCH/db.yaml"
show "kubectl apply -f db.yaml"
k apply -f "$SCRATCH/db.yaml" | indent
written=$(revision)
show "kubectl apply -f db.yaml"
k apply -f "$SCRATCH/db.yaml" | indent
[ "$(revision)" = "$written" ]

say "3. The stored bytes are ciphertext: the file holds neither the value nor its base64, only Kubernetes' KMS v2 envelope."
must_be_ciphertext "$VALUE" "$(printf %s "$VALUE" | base64)"
offset=$(grep -aboF 'k8s:enc:kms:v2:coffer:' "$DATA/data.mdb" | tail -n 1 | cut -d: -f1)
xxd -s "$offset" -l 96 "$DATA/data.mdb" | indent

say "4. kubectl reads it back."
show "kubectl get secret db -o jsonpath='{.data.password}' | base64 -d"
k get secret db -o 'jsonpath={.data.password}' | base64 -d | indent
echo

say "5. A program starts with it in its environment; coffer is gone by exec."
# shellcheck disable=SC2016 # the program's own shell expands it
PROGRAM='echo "$DB_PASSWORD, as process $(cat /proc/$$/comm)"'
show "coffer exec --env DB_PASSWORD=db/password -- sh -c '$PROGRAM'"
HOME=$SCRATCH "$COFFER" exec --kubeconfig "$DATA/admin.kubeconfig" --env DB_PASSWORD=db/password -- sh -c "$PROGRAM" | indent

say "6. A second server is refused on the same port, and on the same directory."
show "coffer serve --data-dir $SCRATCH/other --listen 127.0.0.1:$PORT"
refused "$COFFER" serve --data-dir "$SCRATCH/other" --unlock "file:$SCRATCH/other.key" --listen "127.0.0.1:$PORT"
show "coffer serve --data-dir $DATA --listen 127.0.0.1:0"
refused serve --listen 127.0.0.1:0

say "7. The Secret changes while kubectl watches."
show "kubectl get secret db -w -o jsonpath='{.data.password}{\"\\n\"}' &"
KUBECONFIG=$DATA/admin.kubeconfig HOME=$SCRATCH kubectl get secret db -w -o 'jsonpath={.data.password}{"\n"}' >"$SCRATCH/watch" 2>&1 </dev/null &
watcher=$!
wait_for "$SCRATCH/watch" "$(printf %s "$VALUE" | base64)"
secret "$CHANGED"
show "kubectl diff -f db.yaml   (with the new value)"
k diff -f "$SCRATCH/db.yaml" >"$SCRATCH/diff" || [ $? = 1 ]
grep '^[-+] .*password:' "$SCRATCH/diff" | indent
show "kubectl apply -f db.yaml"
k apply -f "$SCRATCH/db.yaml" | indent
wait_for "$SCRATCH/watch" "$(printf %s "$CHANGED" | base64)"
echo "    the watch printed:"
while read -r line; do base64 -d <<<"$line" | indent | indent; echo; done <"$SCRATCH/watch"
kill "$watcher"
wait "$watcher" 2>/dev/null || true
watcher=''

show "kubectl patch secret db --type=json -p '[{\"op\":\"add\",\"path\":\"/metadata/labels\",\"value\":{\"tier\":\"data\"}}]'"
k patch secret db --type=json -p '[{"op":"add","path":"/metadata/labels","value":{"tier":"data"}}]' | indent

say "8. A kind of your own: defined, validated by its schema, and encrypted like a Secret."
cat >"$SCRATCH/crd.yaml" <<'YAML'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: vaults.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: vaults, singular: vault, kind: Vault}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Region, type: string, jsonPath: .spec.region}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [token]
            properties:
              region: {type: string, default: here, pattern: '^[a-z]+$'}
              token: {type: string}
YAML
cat >"$SCRATCH/vault.yaml" <<YAML
apiVersion: example.com/v1
kind: Vault
metadata: {name: first}
spec: {token: $TOKEN}
YAML
show "kubectl apply -f crd.yaml && kubectl wait --for=condition=established crd/vaults.example.com"
k apply -f "$SCRATCH/crd.yaml" | indent
k wait --for=condition=established crd/vaults.example.com | indent
show "kubectl apply -f vault.yaml && kubectl get vaults"
k apply -f "$SCRATCH/vault.yaml" | indent
k get vaults | indent
show "kubectl patch vault first --type=merge -p '{\"spec\":{\"region\":\"HERE\"}}'"
refused k patch vault first --type=merge -p '{"spec":{"region":"HERE"}}'
must_be_ciphertext "$TOKEN"

say "9. SIGTERM: the server drains and exits 0."
kill -TERM "$server"
wait "$server"
server=''
echo "    stopped; $SCRATCH is removed"

say "Done in $((SECONDS - STARTED)) s. To keep a server running, and to use it:"
echo "  $COFFER serve --data-dir ~/coffer-data --listen 127.0.0.1:6443"
echo "  KUBECONFIG=~/coffer-data/admin.kubeconfig kubectl get secrets"
