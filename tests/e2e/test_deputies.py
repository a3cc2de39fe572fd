# SPDX-License-Identifier: Apache-2.0
"""No confused deputies: every field, of every kind, that can name an object in another namespace, found in the schemas, written by somebody who has
the right to what is named and by somebody who has not."""
import harness
import pytest
import yaml
from test_rbac import RBAC, as_user, binding, role, rule

OTHER = "kube-public"  # where the named objects would be
RESOURCES = {"secret": "secrets", "configmap": "configmaps", "persistentvolumeclaim": "persistentvolumeclaims", "service": "services", "endpoints": "endpoints"}
# What names objects of any kind, and reaches none by the name.
TELL = "says what somebody else did: nothing is read by it"
EXCUSED = {
    ("ClusterRoleBinding", "subjects[]"): "gives rights: test_rbac.py", ("RoleBinding", "subjects[]"): "gives rights: test_rbac.py",
    ("Endpoints", "subsets[].addresses[].targetRef"): TELL, ("Endpoints", "subsets[].notReadyAddresses[].targetRef"): TELL, ("EndpointSlice", "endpoints[].targetRef"): TELL,
    ("Event", "involvedObject"): TELL, ("Event", "regarding"): TELL, ("Event", "related"): TELL, ("IPAddress", "spec.parentRef"): TELL,
    ("IngressClass", "spec.parameters"): "no controller of ingresses runs here", ("ValidatingAdmissionPolicyBinding", "spec.paramRef"): "policies are not evaluated",
    ("Node", "spec.configSource.configMap"): "Kubernetes and Coffer drop it",
    ("PersistentVolumeClaim", "spec.dataSourceRef"): "Kubernetes drops its namespace, and nothing fills claims here",
}
TEMPLATES = "volumeClaimTemplate"  # of Pods: as PersistentVolumeClaim


def schemas():
    found = {}
    for file in sorted((harness.ROOT / "schemas").glob("*.yaml")):
        found.update(yaml.safe_load(file.read_text()) or {})
    return found


SCHEMAS = schemas()


def resolved(schema):
    while "$ref" in schema:
        schema = SCHEMAS[schema["$ref"]]
    return schema


def fields(schema, path=(), above=()):
    """(path, target) of all marked fields that have a namespace of their own."""
    schema = resolved(schema)
    if any(schema is s for s in above):
        return
    for name, member in (schema.get("properties") or {}).items():
        inner, here = resolved(member), name
        mark = member.get("x-coffer-reference")
        if inner.get("type") == "array":
            mark, inner, here = mark or inner["items"].get("x-coffer-reference"), resolved(inner["items"]), name + "[]"
        mark = mark or inner.get("x-coffer-reference")
        here = (*path, here)
        if isinstance(mark, dict) and mark.get("namespace"):
            yield here, mark["target"], mark["namespace"]
        elif isinstance(mark, str) and "namespace" in (inner.get("properties") or {}):
            yield here, mark, None
        yield from fields(inner, here, (*above, schema))


FOUND = [(name.rsplit(".", 1)[1], ".".join(path), target, beside) for name, schema in SCHEMAS.items() if "x-coffer-resource" in schema
         for path, target, beside in fields(schema) if path[0] != "status"]
CHECKED = [f for f in FOUND if f[2] in RESOURCES and (f[0], f[1]) not in EXCUSED]

SOURCES = {  # of a volume, without the reference
    "glusterfs": {"path": "p", "endpoints": "e"}, "rbd": {"monitors": ["m"], "image": "i"}, "iscsi": {"targetPortal": "t:1", "iqn": "iqn.2026-01.dev.coffer:a", "lun": 0},
    "cinder": {"volumeID": "v"}, "cephfs": {"monitors": ["m"]}, "flexVolume": {"driver": "a/b"}, "azureFile": {"secretName": "s", "shareName": "h"},
    "scaleIO": {"gateway": "g", "system": "s", "volumeName": "v", "secretRef": {"name": "x"}}, "storageos": {"volumeName": "v", "volumeNamespace": "n"},
    "csi": {"driver": "d.example.com", "volumeHandle": "h"}, "claimRef": {},
}


def volume(source):
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], source: dict(SOURCES[source])}
    if source == "claimRef":
        spec["csi"] = dict(SOURCES["csi"])
    return spec


def webhook(kind):
    return {"webhooks": [{"name": "w.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "clientConfig": {}}]}


def body(kind, path):
    """(collection, valid object) of the kind, but for the field at the path."""
    parts = path.split(".")
    if kind == "PersistentVolume":
        return "/api/v1/persistentvolumes", {"spec": volume(parts[1])}
    if kind == "VolumeAttachment":
        return "/apis/storage.k8s.io/v1/volumeattachments", {"spec": {"attacher": "d", "nodeName": "n", "source": {"inlineVolumeSpec": volume(parts[3])}}}
    if kind.endswith("WebhookConfiguration"):
        return f"/apis/admissionregistration.k8s.io/v1/{kind.lower()}s", webhook(kind)
    if kind == "ServiceAccount":
        return "/api/v1/namespaces/default/serviceaccounts", {"secrets": [{}]}
    if kind == "CustomResourceDefinition":
        names = {"plural": "frobs", "singular": "frob", "kind": "Frob", "listKind": "FrobList"}
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        conversion = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {}}}
        spec = {"group": "deputy.example.com", "scope": "Namespaced", "names": names, "versions": [version], "conversion": conversion}
        return "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {"spec": spec}
    raise AssertionError(f"{kind}: no object to try {path} with")


def put_reference(made, path, beside, target):
    *outer, last = path.split(".")
    at = made
    for part in outer:
        at = at[part[:-2]][0] if part.endswith("[]") else at[part]
    value = {"name": "wanted", "namespace": OTHER}
    if beside:
        at[last], at[beside] = "wanted", OTHER
    elif last.endswith("[]"):
        at[last[:-2]] = [value]
    else:
        at[last] = value


def test_every_field_is_checked_or_excused():
    rest = {(f[0], f[1]) for f in FOUND if f not in CHECKED and TEMPLATES not in f[1]}
    assert rest == set(EXCUSED)
    assert len(CHECKED) > 30


@pytest.fixture(scope="module")
def own():
    with harness.Server() as running:
        everything = [rule("*", "persistentvolumes,nodes,serviceaccounts"), rule("*", "*", groups="storage.k8s.io,admissionregistration.k8s.io,apiextensions.k8s.io")]
        running.call("POST", f"{RBAC}/clusterroles", role("writer", *everything, kind="ClusterRole"))
        for user in ("ann", "eve"):
            running.call("POST", f"{RBAC}/clusterrolebindings", binding(user, "writer", user, kind="ClusterRoleBinding", role_kind="ClusterRole"))
        running.call("POST", f"{RBAC}/namespaces/{OTHER}/roles", role("reader", *(rule("get", r, names=["wanted"]) for r in RESOURCES.values())))
        running.call("POST", f"{RBAC}/namespaces/{OTHER}/rolebindings", binding("reader", "reader", "ann"))
        yield running


@pytest.mark.parametrize("kind, path, target, beside", CHECKED, ids=[f"{f[0]}.{f[1]}" for f in CHECKED])
def test_crossing(own, kind, path, target, beside):
    collection, made = body(kind, path)
    put_reference(made, path, beside, target)
    made["metadata"] = {"name": "frobs.deputy.example.com" if kind == "CustomResourceDefinition" else f"x{abs(hash(path)) % 10**9}"}
    url = f"{collection}/{made['metadata']['name']}"
    refused = own.request("POST", collection, made, headers=as_user("eve"))
    assert refused.status == 403, refused
    assert f'namespace "{OTHER}"' in refused.json()["message"] and f'on {RESOURCES[target]} "wanted" there' in refused.json()["message"], refused
    assert own.request("POST", f"{collection}?dryRun=All", made, headers=as_user("eve")).status == 403
    assert own.request("GET", url).status == 404
    assert own.request("POST", collection, made, headers=as_user("ann")).status == 201
    # What stood there before may stay; what is new is asked again.
    patch = [("Content-Type", "application/merge-patch+json")]
    assert own.request("PATCH", url, {"metadata": {"labels": {"a": "b"}}}, [*as_user("eve"), *patch]).status == 200
    own.call("DELETE", url)


def test_a_changed_name_is_asked_again(own):
    made = {"metadata": {"name": "changing"}, "secrets": [{"name": "wanted", "namespace": OTHER}]}
    path = "/api/v1/namespaces/default/serviceaccounts"
    own.call("POST", path, made)
    for method, content, change in (("PUT", "application/json", {**made, "secrets": [{"name": "other", "namespace": OTHER}]}),
                                    ("PATCH", "application/merge-patch+json", {"secrets": [{"name": "other", "namespace": OTHER}]}),
                                    ("PATCH", "application/strategic-merge-patch+json", {"secrets": [{"name": "other", "namespace": OTHER}]}),
                                    ("PATCH", "application/json-patch+json", [{"op": "replace", "path": "/secrets/0/name", "value": "other"}])):
        assert own.request(method, f"{path}/changing", change, [*as_user("eve"), ("Content-Type", content)]).status == 403, method
        assert own.request(method, f"{path}/changing", change, [*as_user("ann"), ("Content-Type", content)]).status == 403, "only `wanted` is hers"
    applied = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "changing"}, "secrets": [{"name": "third", "namespace": OTHER}]}
    headers = [*as_user("eve"), ("Content-Type", "application/apply-patch+yaml")]
    assert own.request("PATCH", f"{path}/changing?fieldManager=m&force=true", applied, headers).status == 403
