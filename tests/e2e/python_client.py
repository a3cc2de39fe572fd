# SPDX-License-Identifier: Apache-2.0
"""What test_python_client.py runs by a Python that has the package kubernetes: python_client.py NAMESPACE. Prints a line for each check."""
import base64
import sys
import threading
import traceback

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException

config.load_kube_config()
API = client.ApiClient()
CORE, APPS, CUSTOM = client.CoreV1Api(API), client.AppsV1Api(API), client.CustomObjectsApi(API)
NAMESPACE = sys.argv[1]


def b64(text):
    return base64.b64encode(text.encode()).decode()


def secret(name, data, **labels):
    return client.V1Secret(metadata=client.V1ObjectMeta(name=name, labels=labels or None), string_data=data)


def refusal(function, *arguments, **more):
    try:
        function(*arguments, **more)
    except ApiException as error:
        return error.status
    raise AssertionError("it went well")


def names(found):
    return [item.metadata.name for item in found.items]


def check_crud():
    made = CORE.create_namespaced_secret(NAMESPACE, secret("crud", {"a": "1"}, app="crud"))
    assert made.data == {"a": b64("1")} and made.type == "Opaque" and made.metadata.creation_timestamp.tzinfo
    read = CORE.read_namespaced_secret("crud", NAMESPACE)
    assert read.metadata.uid == made.metadata.uid
    read.data["b"] = b64("2")
    assert CORE.replace_namespaced_secret("crud", NAMESPACE, read).data == {"a": b64("1"), "b": b64("2")}
    assert refusal(CORE.replace_namespaced_secret, "crud", NAMESPACE, made) == 409
    assert names(CORE.list_namespaced_secret(NAMESPACE, label_selector="app=crud")) == ["crud"]
    assert "crud" in names(CORE.list_secret_for_all_namespaces(field_selector=f"metadata.namespace={NAMESPACE}"))
    CORE.delete_namespaced_secret("crud", NAMESPACE)
    assert refusal(CORE.read_namespaced_secret, "crud", NAMESPACE) == 404


def check_refusals():
    assert refusal(CORE.create_namespaced_secret, NAMESPACE, secret("Bad_Name", {})) == 422
    assert refusal(CORE.create_namespaced_secret, "no-such", secret("a", {})) == 404
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="x" * 300))
    assert refusal(CORE.create_namespaced_config_map, NAMESPACE, body, field_validation="Strict") == 422
    CORE.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=client.V1ObjectMeta(name="dry")), dry_run="All")
    assert refusal(CORE.read_namespaced_config_map, "dry", NAMESPACE) == 404


def check_patches():
    CORE.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "p"}, "data": {"a": "1", "b": "2"}})

    def patch(body):
        return CORE.patch_namespaced_config_map("p", NAMESPACE, body).data
    assert patch([{"op": "replace", "path": "/data/a", "value": "3"}]) == {"a": "3", "b": "2"}
    assert patch({"data": {"b": None, "c": "4"}}) == {"a": "3", "c": "4"}
    labels = {"app": "d"}
    APPS.create_namespaced_deployment(NAMESPACE, {
        "metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]}}}})
    found = APPS.patch_namespaced_deployment("d", NAMESPACE, {"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "b:2"}]}}}})
    assert {c.name: c.image for c in found.spec.template.spec.containers} == {"a": "a:1", "b": "b:2"}
    APPS.patch_namespaced_deployment_scale("d", NAMESPACE, {"spec": {"replicas": 3}})
    APPS.patch_namespaced_deployment_status("d", NAMESPACE, {"status": {"replicas": 2}})
    scale = APPS.read_namespaced_deployment_scale("d", NAMESPACE)
    assert (scale.spec.replicas, scale.status.replicas, scale.status.selector) == (3, 2, "app=d")


def check_pages():
    for i in range(7):
        CORE.create_namespaced_secret(NAMESPACE, secret(f"page-{i}", {}, page="y"))
    found, after, versions = [], None, set()
    while True:
        page = CORE.list_namespaced_secret(NAMESPACE, label_selector="page", limit=3, _continue=after)
        found += names(page)
        versions.add(page.metadata.resource_version)
        after = page.metadata._continue
        if not after:
            break
        CORE.create_namespaced_secret(NAMESPACE, secret(f"page-{len(found)}-late", {}, page="y"))
    assert found == [f"page-{i}" for i in range(7)] and len(versions) == 1, "pages are of one revision"
    CORE.delete_collection_namespaced_secret(NAMESPACE, label_selector="page")
    assert names(CORE.list_namespaced_secret(NAMESPACE, label_selector="page")) == []


def check_watch():
    start = CORE.list_namespaced_secret(NAMESPACE).metadata.resource_version
    stream = watch.Watch()
    events = stream.stream(CORE.list_namespaced_secret, NAMESPACE, label_selector="watch", resource_version=start)
    CORE.create_namespaced_secret(NAMESPACE, secret("w", {"a": "1"}, watch="y"))
    event = next(events)
    assert (event["type"], event["object"].metadata.name, event["object"].data) == ("ADDED", "w", {"a": b64("1")})
    CORE.patch_namespaced_secret("w", NAMESPACE, {"stringData": {"a": "2"}})
    event = next(events)
    assert (event["type"], event["object"].data) == ("MODIFIED", {"a": b64("2")})
    CORE.patch_namespaced_secret("w", NAMESPACE, {"metadata": {"labels": {"watch": None}}})
    assert next(events)["type"] == "DELETED", "it left the selection"
    stream.stop()


def check_watch_ends_in_time_and_goes_on():
    stream = watch.Watch()
    seen, again = [], threading.Event()

    def follow():
        for event in stream.stream(CORE.list_namespaced_config_map, NAMESPACE, label_selector="again", timeout_seconds=1):
            seen.append(event["object"].metadata.name)
        again.set()
    CORE.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "again", "labels": {"again": "y"}}})
    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    assert again.wait(20) and seen == ["again"]


def check_dynamic():
    api = dynamic.DynamicClient(API)
    maps = api.resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dyn", "labels": {"dyn": "y"}}, "data": {"a": "1"}}
    made = maps.create(body=body, namespace=NAMESPACE)
    assert made.data.a == "1" and made.metadata.namespace == NAMESPACE
    assert maps.get(name="dyn", namespace=NAMESPACE).metadata.uid == made.metadata.uid
    patched = maps.patch(body={"data": {"b": "2"}}, name="dyn", namespace=NAMESPACE, content_type="application/merge-patch+json")
    assert patched.data.to_dict() == {"a": "1", "b": "2"}
    assert [i.metadata.name for i in maps.get(namespace=NAMESPACE, label_selector="dyn=y").items] == ["dyn"]
    for event in maps.watch(namespace=NAMESPACE, label_selector="dyn=y", timeout=20):
        assert (event["type"], event["object"].metadata.name) == ("ADDED", "dyn")
        break
    maps.delete(name="dyn", namespace=NAMESPACE)
    kinds = {resource.kind for resource in api.resources.search(group="apps")}
    assert {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ControllerRevision"} <= kinds


def check_server_side_apply():
    api = dynamic.DynamicClient(API)
    maps = api.resources.get(api_version="v1", kind="ConfigMap")

    def apply(data, manager, force=False):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ssa"}, "data": data}
        return maps.server_side_apply(body=body, name="ssa", namespace=NAMESPACE, field_manager=manager, force_conflicts=force)
    apply({"a": "1", "b": "1"}, "one")
    try:
        apply({"a": "2"}, "two")
        raise AssertionError("no conflict")
    except dynamic.exceptions.ConflictError as error:
        assert '"field":".data.a"' in error.body
    apply({"a": "2"}, "two", force=True)
    assert apply({}, "one").data.to_dict() == {"a": "2"}


def check_custom_objects():
    extensions = client.ApiextensionsV1Api(API)
    group, plural = "python.example.com", "toys"
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 3, "minimum": 1}}}}}
    extensions.create_custom_resource_definition({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": "Toy"},
                 "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}}]}})
    stream = watch.Watch()
    for event in stream.stream(extensions.list_custom_resource_definition, field_selector=f"metadata.name={plural}.{group}"):
        if any(c.type == "Established" and c.status == "True" for c in event["object"].status.conditions or []):
            stream.stop()
    at = (group, "v1", NAMESPACE, plural)
    made = CUSTOM.create_namespaced_custom_object(*at, {"apiVersion": f"{group}/v1", "kind": "Toy", "metadata": {"name": "t"}, "spec": {}})
    assert made["spec"] == {"size": 3}
    assert CUSTOM.patch_namespaced_custom_object(*at, "t", {"spec": {"size": 5}})["spec"] == {"size": 5}
    assert refusal(CUSTOM.patch_namespaced_custom_object, *at, "t", {"spec": {"size": 0}}) == 422
    assert len(CUSTOM.list_namespaced_custom_object(*at)["items"]) == 1
    extensions.delete_custom_resource_definition(f"{plural}.{group}")


def check_yaml_manifests():
    objects = [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "from-yaml", "namespace": NAMESPACE}, "stringData": {"a": "1"}},
               {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r", "namespace": NAMESPACE},
                "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]}]
    utils.create_from_yaml(API, yaml_objects=objects)
    assert CORE.read_namespaced_secret("from-yaml", NAMESPACE).data == {"a": b64("1")}
    assert client.RbacAuthorizationV1Api(API).read_namespaced_role("r", NAMESPACE).rules[0].verbs == ["get"]


def check_discovery():
    assert client.VersionApi(API).get_code().major == "1"
    assert "apps" in [group.name for group in client.ApisApi(API).get_api_versions().groups]
    assert "secrets" in [resource.name for resource in CORE.get_api_resources().resources]


def main():
    failed = 0
    for name, check in [(n[len("check_"):], f) for n, f in globals().items() if n.startswith("check_")]:
        try:
            check()
            print("ok", name, flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print("failed", name, traceback.format_exc().replace("\n", " | "), flush=True)
    return 1 if failed else 0


sys.exit(main())
