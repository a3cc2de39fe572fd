# SPDX-License-Identifier: Apache-2.0
"""What controllers keep in place: the furniture of namespaces, the Service kubernetes, the age of events, counts of quotas."""
import os
import socket
import time
from pathlib import Path

import harness
import pytest
import wire
import yaml
from test_limits import Fault
from test_namespaces import NAMESPACES, create, manifest

DESCRIPTION = "kubernetes.io/description"
ROOT_CA = "kube-root-ca.crt"


def watch_one(server, collection, name):
    return server.watch(f"{collection}?watch=true&fieldSelector=metadata.name%3D{name}&resourceVersion=0")


def await_object(watch, wanted=lambda found: True, kinds=("ADDED", "MODIFIED")):
    return watch.until(lambda event: event["type"] in kinds and wanted(event["object"]))[-1]["object"]


def await_gone(watch):
    return watch.until(lambda event: event["type"] == "DELETED")


# ---- furniture

def test_default_service_account(server):
    name = create(server)
    accounts = f"{NAMESPACES}/{name}/serviceaccounts"
    with watch_one(server, accounts, "default") as watch:
        first = await_object(watch)
        assert set(first) == {"apiVersion", "kind", "metadata"}
        for _ in range(3):
            server.call("DELETE", f"{accounts}/default")
            await_gone(watch)
            again = await_object(watch)
            assert again["metadata"]["uid"] != first["metadata"]["uid"]
    server.call("DELETE", f"{NAMESPACES}/{name}")


def pod(name, **spec):
    return manifest("Pod", name, spec={"containers": [{"name": "c", "image": "i"}], **spec})


def test_pods_wait_for_the_account_of_their_namespace(server):
    """As with kube-apiserver, a Pod may follow its namespace at once."""
    for _ in range(20):
        name = "t-" + harness.secrets.token_hex(4)
        with server.connect() as connection:
            assert connection.request("POST", NAMESPACES, body=manifest("Namespace", name)).status == 201
            answer = connection.request("POST", f"{NAMESPACES}/{name}/pods", body=pod("p"))
            assert answer.status == 201, answer
        server.call("DELETE", f"{NAMESPACES}/{name}")


def test_pods_do_not_wait_for_ever(start):
    server = start(flags=["--no-controllers"])
    began = time.monotonic()
    answer = server.request("POST", f"{NAMESPACES}/default/pods", pod("p"))
    assert answer.status == 403 and answer.json()["message"].endswith('serviceaccount "default" not found')
    assert 0.9 < time.monotonic() - began < 20
    assert server.request("POST", f"{NAMESPACES}/none/pods", pod("p")).status == 404


def test_root_ca(server):
    name = create(server)
    maps = f"{NAMESPACES}/{name}/configmaps"
    trusted = yaml.safe_load(server.kubeconfig.read_text())["clusters"][0]["cluster"]["certificate-authority-data"]
    with watch_one(server, maps, ROOT_CA) as watch:
        found = await_object(watch)
        assert harness.b64(found["data"]["ca.crt"]) == trusted
        assert found["metadata"]["annotations"][DESCRIPTION].startswith("Contains a CA bundle")
        found["data"] = {"ca.crt": "another", "more": "x"}
        server.call("PUT", f"{maps}/{ROOT_CA}", found)
        await_object(watch, lambda o: o["data"].get("more"))
        restored = await_object(watch, lambda o: "more" not in o["data"])
        assert list(restored["data"]) == ["ca.crt"] and harness.b64(restored["data"]["ca.crt"]) == trusted
        del restored["metadata"]["annotations"]
        server.call("PUT", f"{maps}/{ROOT_CA}", restored)
        await_object(watch, lambda o: "annotations" not in o["metadata"])
        await_object(watch, lambda o: o["metadata"].get("annotations"))
        server.call("DELETE", f"{maps}/{ROOT_CA}")
        await_gone(watch)
        await_object(watch)
    server.call("DELETE", f"{NAMESPACES}/{name}")


def test_made_at_the_start(start):
    """What went while nobody looked is made again."""
    server = start(flags=["--no-controllers"])
    for path in ("serviceaccounts/default", f"configmaps/{ROOT_CA}"):
        assert server.request("GET", f"{NAMESPACES}/kube-system/{path}").status == 404
    server.stop()
    server.flags = []
    server.start()
    for collection, name in (("serviceaccounts", "default"), ("configmaps", ROOT_CA)):
        with watch_one(server, f"{NAMESPACES}/kube-system/{collection}", name) as watch:
            await_object(watch)


def switches(server):
    """How often the controllers' thread was woken; None before it has its name."""
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "control":
            return sum(int(row.split()[1]) for row in (task / "status").read_text().splitlines() if "ctxt_switches" in row)
    return None


def await_quiet(server):
    """Waits until the controllers have nothing to do; returns the count of wakeups."""
    last = [None]

    def quiet():
        before, last[0] = last[0], switches(server)
        return before is not None and before == last[0]
    harness.poll(quiet, "quiet controllers", pause=0.5)
    return last[0]


def test_nothing_is_written_at_the_next_start(start):
    server = start()
    await_quiet(server)
    before = server.call("GET", NAMESPACES)["metadata"]["resourceVersion"]
    server.stop()
    server.listen = f"127.0.0.1:{server.port}"  # the Service tells it
    server.start()
    await_quiet(server)
    assert server.call("GET", NAMESPACES)["metadata"]["resourceVersion"] == before


# ---- the Service kubernetes

def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        return s.getsockname()[0]


def test_service_kubernetes(start):
    server = start()
    with watch_one(server, f"{NAMESPACES}/default/services", "kubernetes") as watch:
        service = await_object(watch)
        assert service["metadata"]["labels"] == {"component": "apiserver", "provider": "kubernetes"}
        port = {"name": "https", "protocol": "TCP", "port": 443, "targetPort": server.port}
        assert service["spec"] == {
            "ports": [port], "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "type": "ClusterIP", "sessionAffinity": "None",
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster"}
        service["spec"]["ports"][0]["targetPort"] = 1
        server.call("PUT", f"{NAMESPACES}/default/services/kubernetes", service)
        await_object(watch, lambda o: o["spec"]["ports"] == [port], ("MODIFIED",))
        server.call("DELETE", f"{NAMESPACES}/default/services/kubernetes")
        await_gone(watch)
        await_object(watch)
    with watch_one(server, f"{NAMESPACES}/default/endpoints", "kubernetes") as watch:
        assert "subsets" not in await_object(watch), "loopback leads nobody here"


@pytest.mark.skipif(own_address() is None, reason="this machine has no address but loopback")
def test_endpoints_kubernetes(start):
    server = start(listen=f"{own_address()}:0")
    with watch_one(server, f"{NAMESPACES}/default/endpoints", "kubernetes") as watch:
        ports = [{"name": "https", "port": server.port, "protocol": "TCP"}]
        assert await_object(watch)["subsets"] == [{"addresses": [{"ip": own_address()}], "ports": ports}]
    with watch_one(server, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", "kubernetes") as watch:
        found = await_object(watch)
        assert found["endpoints"] == [{"addresses": [own_address()], "conditions": {"ready": True}}] and found["addressType"] == "IPv4"


# ---- events

def event(name, **more):
    reference = {"kind": "Secret", "namespace": "default", "name": "x"}
    return manifest("Event", name, involvedObject=reference, reason="Tested", message="m", type="Normal", **more)


def test_events_end(start):
    server = start(flags=["--event-ttl", "2s"])
    events = f"{NAMESPACES}/default/events"
    with server.watch(f"{events}?watch=true&resourceVersion=0") as watch:
        began = time.monotonic()
        for i in range(20):
            server.call("POST", events, event(f"e{i}"))
        gone = [e for e in watch.until(lambda e, left=list(range(20)): e["type"] == "DELETED" and left.pop() == 0) if e["type"] == "DELETED"]
        assert time.monotonic() - began >= 1.9
        assert sorted(e["object"]["metadata"]["name"] for e in gone) == sorted(f"e{i}" for i in range(20))
    assert server.call("GET", events)["items"] == []


def test_event_that_is_written_lives_on(start):
    server = start(flags=["--event-ttl", "3s"])
    events = f"{NAMESPACES}/default/events"
    with server.watch(f"{events}?watch=true&resourceVersion=0") as watch:
        began = time.monotonic()
        for name in ("once", "again"):
            server.call("POST", events, event(name))
        harness.poll(lambda: time.monotonic() - began > 2, "two seconds")
        server.call("PUT", f"{events}/again", event("again", count=2))
        gone = [e["object"]["metadata"]["name"] for e in watch.until(lambda e: e["type"] == "DELETED") if e["type"] == "DELETED"]
        assert gone == ["once"] and server.call("GET", f"{events}/again")["count"] == 2
        assert await_gone(watch)[-1]["object"]["metadata"]["name"] == "again"
        assert time.monotonic() - began >= 4.9


def test_events_of_the_past_end_at_the_start(start):
    """The time to live does not begin anew with the server."""
    server = start(flags=["--no-controllers"])
    events = f"{NAMESPACES}/default/events"
    server.call("POST", events, event("old"))
    created = time.time()
    server.stop()
    server.flags = ["--event-ttl", "1s"]
    server.start()
    with server.watch(f"{events}?watch=true") as watch:
        if server.call("GET", events)["items"]:
            await_gone(watch)
    assert time.time() - created >= 0.9


# ---- quotas

def test_quota_counts(server):
    name = create(server)
    quotas, secrets = f"{NAMESPACES}/{name}/resourcequotas", f"{NAMESPACES}/{name}/secrets"
    hard = {"secrets": "20", "count/secrets": "20", "configmaps": "9", "count/deployments.apps": "1", "resourcequotas": "1", "cpu": "4"}
    with watch_one(server, quotas, "q") as watch:
        server.call("POST", quotas, manifest("ResourceQuota", "q", spec={"hard": hard}))

        def used(counts):
            return await_object(watch, lambda o: all(o.get("status", {}).get("used", {}).get(k) == v for k, v in counts.items()))

        found = used({"secrets": "0", "configmaps": "1", "resourcequotas": "1", "count/deployments.apps": "0"})
        assert found["status"]["hard"] == hard and "cpu" not in found["status"]["used"]
        for i in range(5):
            server.call("POST", secrets, harness.secret(f"s{i}", {"a": "b"}))
        used({"secrets": "5", "count/secrets": "5"})
        server.call("DELETE", f"{secrets}/s1")
        used({"secrets": "4"})
        server.call("DELETE", secrets)
        used({"secrets": "0"})
    server.call("DELETE", f"{NAMESPACES}/{name}")


# ---- faults

@pytest.mark.skipif(not os.path.exists(harness.fault_binary()), reason="no build with failing allocations")
def test_allocations_fail(start):
    """Whatever allocation fails while a namespace comes and goes: the controllers make it right in the end."""
    server = start(program=harness.fault_binary(), flags=["--debuggable", "--log-level", "info"])
    await_quiet(server)
    fault, fired = Fault(server), 0
    for n in range(0, 1200, 17):
        name = f"fault-{n}"
        fault.arm(n)
        retry(server, "POST", NAMESPACES, manifest("Namespace", name), 201, 409)
        for collection, wanted in (("serviceaccounts", "default"), ("configmaps", ROOT_CA)):
            harness.poll(lambda: retry(server, "GET", f"{NAMESPACES}/{name}/{collection}/{wanted}", None, 200, 404).status == 200, wanted)
        retry(server, "DELETE", f"{NAMESPACES}/{name}", None, 200, 409)
        harness.poll(lambda: retry(server, "GET", f"{NAMESPACES}/{name}", None, 200, 404).status == 404, "the namespace's end")
        fired += fault.fired()
    assert fired > 40 and server.process.poll() is None


def retry(server, method, path, body, *statuses):
    """An answer with one of these statuses; others mean that the failure struck this request."""
    while True:
        try:
            answer = server.request(method, path, body)
        except (wire.Closed, OSError):
            continue
        if answer.status in statuses:
            return answer
        assert answer.status >= 500 or answer.status == 429, answer


# ---- cost

def test_idle_sleeps(start):
    """With nothing to do the controllers' thread is not woken."""
    server = start()
    before = await_quiet(server)
    began = time.monotonic()
    harness.poll(lambda: time.monotonic() - began > 3, "three seconds", pause=0.5)
    assert switches(server) == before
