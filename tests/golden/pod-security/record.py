# SPDX-License-Identifier: Apache-2.0
"""Asks a real kube-apiserver what Pod Security says: to pods by every policy whose checks differ (pods.json), and to a sequence of requests
about namespaces and workloads (requests.json).

usage: record.py STATE PORT    with the state directory and port of a kube-apiserver that has admin.crt, admin.key, ca.crt there and runs
    with --disable-admission-plugins=ServiceAccount and Pod Security configured as `coffer serve` is by itself:
    defaults: {enforce: baseline, audit: baseline, warn: baseline}, exemptions: {namespaces: [kube-system]}
"""
import http.client, json, pathlib, re, ssl, sys

STATE, PORT = pathlib.Path(sys.argv[1]), int(sys.argv[2])
HERE = pathlib.Path(__file__).parent
context = ssl.create_default_context(cafile=STATE / "ca.crt")
context.load_cert_chain(STATE / "admin.crt", STATE / "admin.key")
connection = http.client.HTTPSConnection("127.0.0.1", PORT, context=context)


def call(method, path, body=None, content_type="application/json"):
    connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": content_type})
    answer = connection.getresponse()
    warnings = [re.fullmatch(r'299 - "(.*)"', w).group(1).replace('\\"', '"').replace("\\\\", "\\") for w in answer.headers.get_all("Warning") or []]
    return answer.status, json.loads(answer.read()), warnings


def edited(base, edits):
    """The base with values put at paths ("spec/containers/0/image"); None takes the member away."""
    result = json.loads(json.dumps(base))
    for path, value in edits.items():
        at, names = result, path.split("/")
        for name in names[:-1]:
            at = at[int(name)] if isinstance(at, list) else at.setdefault(name, {})
        last = int(names[-1]) if isinstance(at, list) else names[-1]
        if value is None:
            del at[last]
        elif isinstance(at, list) and last == len(at):
            at.append(value)
        else:
            at[last] = value
    return result


# ---- pods

PLAIN = {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
STRICT = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
GOOD = {"metadata": {"name": "x"}, "spec": {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "initContainers": [{"name": "a", "image": "i", "securityContext": STRICT}],
        "containers": [{"name": "b", "image": "i", "securityContext": STRICT}, {"name": "c", "image": "i", "securityContext": STRICT}]}}
A, B, C = "spec/initContainers/0/", "spec/containers/0/", "spec/containers/1/"
SC, POD = "securityContext/", "spec/securityContext/"


def each(member, *values):
    """The member of the two containers and the init container, of one and of all."""
    for value in values:
        yield {B + member: value}
        yield {A + member: value, C + member: value}
    yield dict(zip((A + member, B + member, C + member), (list(values) * 3)[:3]))


def volumes(*sources):
    return {"spec/volumes": [{"name": f"v{n}", **source} for n, source in enumerate(sources)]}


SOURCES = [
    {"emptyDir": {}}, {"hostPath": {"path": "/"}}, {"gcePersistentDisk": {"pdName": "d"}}, {"awsElasticBlockStore": {"volumeID": "d"}},
    {"gitRepo": {"repository": "r"}}, {"secret": {"secretName": "s"}}, {"nfs": {"server": "s", "path": "/p"}},
    {"iscsi": {"targetPortal": "p", "iqn": "iqn.2020-01.a:b", "lun": 0}}, {"glusterfs": {"endpoints": "e", "path": "p"}},
    {"persistentVolumeClaim": {"claimName": "c"}}, {"rbd": {"monitors": ["m"], "image": "i"}}, {"flexVolume": {"driver": "d"}},
    {"cinder": {"volumeID": "v"}}, {"cephfs": {"monitors": ["m"]}}, {"flocker": {"datasetName": "d"}}, {"downwardAPI": {}}, {"fc": {"targetWWNs": ["w"], "lun": 0}},
    {"azureFile": {"secretName": "s", "shareName": "n"}}, {"configMap": {"name": "c"}}, {"vsphereVolume": {"volumePath": "p"}},
    {"quobyte": {"registry": "r:1", "volume": "v"}}, {"azureDisk": {"diskName": "d", "diskURI": "/subscriptions/d", "kind": "Managed"}}, {"photonPersistentDisk": {"pdID": "p"}},
    {"projected": {"sources": []}}, {"portworxVolume": {"volumeID": "v"}}, {"scaleIO": {"gateway": "g", "system": "s", "secretRef": {"name": "n"}, "volumeName": "v"}},
    {"storageos": {"volumeName": "v"}}, {"csi": {"driver": "d"}},
    {"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}}}}},
    {"image": {"reference": "i"}},
]
SYSCTLS = ["kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
           "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_syncookies",
           "net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start", "kernel.msgmax", "net.core.somaxconn"]
APPARMOR, SECCOMP = "container.apparmor.security.beta.kubernetes.io/", "container.seccomp.security.alpha.kubernetes.io/"
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
LOCALHOST = {"type": "Localhost", "localhostProfile": "p"}


def probe(handler):
    return {handler: {"port": 80, "host": "10.0.0.1"}}


def variants():
    yield PLAIN, [{}]
    yield GOOD, [{}]
    # escalation
    yield GOOD, each(SC + "allowPrivilegeEscalation", None, True)
    yield GOOD, [{A + "securityContext": None, B + "securityContext": None, C + "securityContext": None}]
    # AppArmor
    yield GOOD, each(SC + "appArmorProfile", {"type": "Unconfined"}, {"type": "RuntimeDefault"}, LOCALHOST)
    yield GOOD, [{POD + "appArmorProfile": {"type": "Unconfined"}}, {POD + "appArmorProfile": LOCALHOST},
                 {POD + "appArmorProfile": {"type": "Unconfined"}, B + SC + "appArmorProfile": {"type": "Unconfined"}}]
    for value in ("runtime/default", "localhost/p", "unconfined", ""):
        yield GOOD, [{"metadata/annotations": {APPARMOR + "b": value}}, {"metadata/annotations": {APPARMOR + "c": value, APPARMOR + "b": value}}]
    yield GOOD, [{"metadata/annotations": {APPARMOR + "b": "unconfined"}, POD + "appArmorProfile": {"type": "Unconfined"}}]
    # capabilities
    for add in (["NET_BIND_SERVICE"], ["CHOWN"], ["SYS_ADMIN"], ["NET_RAW", "CHOWN", "BPF", "NET_RAW"], ["CAP_CHOWN"], ["chown"], ["ALL"],
                ["AUDIT_WRITE", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"]):
        yield GOOD, [{B + SC + "capabilities/add": add}, {A + SC + "capabilities/add": add, C + SC + "capabilities/add": ["NET_ADMIN"]}]
    yield GOOD, each(SC + "capabilities", None, {}, {"drop": []}, {"drop": ["all"]}, {"drop": ["NET_RAW", "ALL"]}, {"drop": ["NET_RAW"], "add": ["SYS_TIME"]})
    # host namespaces
    yield GOOD, [{"spec/hostNetwork": True}, {"spec/hostPID": True}, {"spec/hostIPC": True}, {"spec/hostPID": True, "spec/hostIPC": True, "spec/hostNetwork": True},
                 {"spec/hostPID": False, "spec/hostIPC": False}]
    # volumes
    yield GOOD, [volumes(source) for source in SOURCES]
    yield GOOD, [volumes({}), volumes({"hostPath": {"path": "/"}}, {"hostPath": {"path": "/etc"}}), volumes(*SOURCES)]
    # host ports
    yield GOOD, each("ports", [{"containerPort": 80, "hostPort": 80}], [{"containerPort": 80}], [{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 8080}])
    yield GOOD, [{"spec/hostNetwork": True, B + "ports": [{"containerPort": 80}]}]
    # probes and handlers
    for handler in ("httpGet", "tcpSocket"):
        for member in ("livenessProbe", "readinessProbe", "startupProbe"):
            yield GOOD, [{B + member: probe(handler)}, {B + member: {handler: {"port": 80}}}]
        for member in ("postStart", "preStop"):
            yield GOOD, [{B + "lifecycle/" + member: probe(handler)}, {B + "lifecycle/" + member: {handler: {"port": 80}}}]
    yield GOOD, [{B + "livenessProbe": probe("httpGet"), C + "readinessProbe": {"tcpSocket": {"port": 1, "host": "a.example"}}, C + "lifecycle/preStop": probe("httpGet")},
                 {A + "restartPolicy": "Always", A + "startupProbe": probe("tcpSocket"), C + "readinessProbe": {"exec": {"command": ["a"]}}},
                 {B + "livenessProbe": {"grpc": {"port": 1}}, B + "lifecycle/preStop": {"sleep": {"seconds": 1}}}]
    # privileged
    yield GOOD, each(SC + "privileged", False)
    yield GOOD, [{B + SC + "privileged": True, B + SC + "allowPrivilegeEscalation": None},
                 {A + SC + "privileged": True, A + SC + "allowPrivilegeEscalation": None, C + SC + "privileged": True, C + SC + "allowPrivilegeEscalation": True}]
    # procMount
    yield GOOD, each(SC + "procMount", "Default")
    yield GOOD, [{"spec/hostUsers": False, B + SC + "procMount": "Unmasked"}, {"spec/hostUsers": False, B + SC + "procMount": "Unmasked", A + SC + "procMount": "Unmasked"}]
    # users
    yield GOOD, [{POD + "runAsNonRoot": None}, {POD + "runAsNonRoot": False}, {POD + "runAsNonRoot": False, A + SC + "runAsNonRoot": True, B + SC + "runAsNonRoot": True, C + SC + "runAsNonRoot": True},
                 {POD + "runAsNonRoot": None, A + SC + "runAsNonRoot": True, B + SC + "runAsNonRoot": True, C + SC + "runAsNonRoot": True},
                 {POD + "runAsNonRoot": None, A + SC + "runAsNonRoot": True}, {POD + "runAsNonRoot": None, A + SC + "runAsNonRoot": False},
                 {B + SC + "runAsNonRoot": False}, {POD + "runAsNonRoot": False, B + SC + "runAsNonRoot": False, C + SC + "runAsNonRoot": False},
                 {"spec/hostUsers": False, POD + "runAsNonRoot": None}, {"spec/hostUsers": False, POD + "runAsUser": 0}]
    yield GOOD, [{POD + "runAsUser": 0}, {POD + "runAsUser": 1}, {B + SC + "runAsUser": 0}, {POD + "runAsUser": 0, A + SC + "runAsUser": 0, B + SC + "runAsUser": 5, C + SC + "runAsUser": 0}]
    # SELinux
    for options in ({"type": "container_t"}, {"type": "container_init_t"}, {"type": "container_kvm_t"}, {"type": "container_engine_t"}, {"type": "spc_t"}, {"type": ""}, {"level": "s0"},
                    {"user": "u"}, {"role": "r"}, {"user": "u", "role": "r", "type": "t"}, {"user": "", "role": ""}):
        yield GOOD, [{POD + "seLinuxOptions": options}, {B + SC + "seLinuxOptions": options}]
    yield GOOD, [{POD + "seLinuxOptions": {"type": "z"}, A + SC + "seLinuxOptions": {"type": "y"}, C + SC + "seLinuxOptions": {"role": "r"}}]
    # seccomp
    yield GOOD, each(SC + "seccompProfile", {"type": "Unconfined"}, {"type": "RuntimeDefault"}, LOCALHOST)
    yield GOOD, [{POD + "seccompProfile": None}, {POD + "seccompProfile": {"type": "Unconfined"}}, {POD + "seccompProfile": LOCALHOST},
                 {POD + "seccompProfile": {"type": "Unconfined"}, B + SC + "seccompProfile": {"type": "Unconfined"}},
                 {POD + "seccompProfile": None, A + SC + "seccompProfile": LOCALHOST, B + SC + "seccompProfile": {"type": "RuntimeDefault"}},
                 {POD + "seccompProfile": None, A + SC + "seccompProfile": LOCALHOST, B + SC + "seccompProfile": {"type": "RuntimeDefault"}, C + SC + "seccompProfile": LOCALHOST}]
    for value in ("runtime/default", "docker/default", "localhost/p", "unconfined"):
        yield PLAIN, [{"metadata/annotations": {SECCOMP_POD: value}}, {"metadata/annotations": {SECCOMP + "c": value}}, {"metadata/annotations": {SECCOMP + "c": value, SECCOMP_POD: value}}]
    yield PLAIN, [{"metadata/annotations": {SECCOMP + "another": "unconfined"}}]
    # sysctls
    yield GOOD, [{POD + "sysctls": [{"name": name, "value": "1"}]} for name in SYSCTLS]
    yield GOOD, [{POD + "sysctls": [{"name": name, "value": "1"} for name in SYSCTLS]}]
    # Windows
    yield PLAIN, [{"spec/os": {"name": "windows"}}, {"spec/os": {"name": "linux"}}, {"spec/os": {"name": "windows"}, "spec/securityContext": {"runAsNonRoot": True}}]
    yield PLAIN, [{POD + "windowsOptions": {"hostProcess": True}, "spec/hostNetwork": True},
                  {POD + "windowsOptions": {"hostProcess": True}, B + SC + "windowsOptions": {"hostProcess": True}, "spec/hostNetwork": True},
                  {B + SC + "windowsOptions": {"hostProcess": True}, "spec/hostNetwork": True}, {POD + "windowsOptions": {"hostProcess": False}}]
    # all at once
    yield PLAIN, [{"spec/hostNetwork": True, "spec/hostPID": True, B + SC + "privileged": True, B + "ports": [{"containerPort": 80, "hostPort": 80}],
                   POD + "sysctls": [{"name": "kernel.msgmax", "value": "1"}], **volumes({"hostPath": {"path": "/"}}), POD + "seLinuxOptions": {"user": "u"},
                   POD + "seccompProfile": {"type": "Unconfined"}, POD + "appArmorProfile": {"type": "Unconfined"}, POD + "runAsUser": 0,
                   B + SC + "capabilities": {"add": ["SYS_ADMIN"]}, B + "livenessProbe": probe("httpGet")}]


# Each minor version at which a check begins or changes, and those beside it.
VERSIONS = ["latest"] + [f"v1.{minor}" for minor in (0, 7, 8, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 99)]
POLICIES = [f"{level}:{version}" for level in ("baseline", "restricted") for version in VERSIONS]


def namespace(name, **labels):
    return {"metadata": {"name": name, "labels": {"pod-security.kubernetes.io/" + label.replace("_", "-"): value for label, value in labels.items()}}}


def record_pods():
    for policy in POLICIES:
        level, version = policy.split(":")
        call("POST", "/api/v1/namespaces", namespace(policy.replace(":", "-").replace(".", "-"), enforce=level, enforce_version=version))
    seen, rows = set(), []
    for base, edits in variants():
        for edit in edits:
            pod = edited(base, edit)
            if json.dumps(pod) in seen:
                continue
            seen.add(json.dumps(pod))
            says = {}
            for policy in POLICIES:
                code, answer, _ = call("POST", "/api/v1/namespaces/%s/pods?dryRun=All" % policy.replace(":", "-").replace(".", "-"), pod)
                start = f'pods "x" is forbidden: violates PodSecurity "{policy}": '
                if code == 201:
                    continue
                assert code == 403 and answer["message"].startswith(start), (code, answer["message"], pod)
                says.setdefault(answer["message"][len(start):], []).append(policy)
            rows.append({"pod": pod, "says": [{"policies": " ".join(policies), "text": text} for text, policies in says.items()]})
    write("pods.json", [{"policies": " ".join(POLICIES)}] + rows)
    print(len(rows), "pods by", len(POLICIES), "policies")


# ---- requests

JSON, MERGE, APPLY, STRATEGIC = ("application/json", "application/merge-patch+json", "application/apply-patch+yaml", "application/strategic-merge-patch+json")
HOST = {"containers": [{"name": "c", "image": "i"}], "volumes": [{"name": "v", "hostPath": {"path": "/"}}]}
ROOT = {"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": True}}]}
PID = {"containers": [{"name": "c", "image": "i"}], "hostPID": True}
FINE = {"containers": [{"name": "c", "image": "i"}]}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": HOST}
SELECTOR = {"matchLabels": {"a": "b"}}


def pod(name, spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def relabelled(**labels):
    return {"metadata": {"labels": {"pod-security.kubernetes.io/" + label.replace("_", "-"): value for label, value in labels.items()}}}


def requests():
    """(method, path, body, content type) in order, on an empty server."""
    spaces, core = "/api/v1/namespaces", "/api/v1/namespaces/"
    yield "POST", spaces, namespace("bad-level", enforce="Baseline"), JSON
    yield "POST", spaces, namespace("bad-many", enforce="x", enforce_version="1.2", audit="y", audit_version="v2.0", warn="", warn_version="v1.01"), JSON
    yield "POST", spaces, namespace("good", enforce="baseline", enforce_version="v1.0", audit="restricted", audit_version="latest", warn="privileged", warn_version="v1.99"), JSON
    yield "PATCH", core + "good", relabelled(enforce="none"), MERGE
    yield "PATCH", core + "good", relabelled(warn_version="v1.x", warn="restricted"), MERGE
    yield "PATCH", core + "good", {"metadata": {"labels": {"team": "a"}}}, MERGE
    # where nothing is said
    yield "POST", spaces, {"metadata": {"name": "plain"}}, JSON
    for name, spec in (("host", HOST), ("root", ROOT), ("pid", PID), ("fine", FINE)):
        yield "POST", core + "plain/pods", pod(name, spec), JSON
    yield "POST", core + "plain/pods?dryRun=All", pod("root", ROOT), JSON
    yield "POST", core + "plain/pods", {"metadata": {"generateName": "made-"}, "spec": ROOT}, JSON
    yield "PATCH", core + "plain/pods/applied?fieldManager=m", pod("applied", HOST), APPLY
    yield "PATCH", core + "plain/pods/fine/ephemeralcontainers", {"spec": {"ephemeralContainers": [{"name": "e", "image": "i", "securityContext": {"privileged": True}}]}}, STRATEGIC
    yield "PATCH", core + "plain/pods/fine/ephemeralcontainers", {"spec": {"ephemeralContainers": [{"name": "e", "image": "i"}]}}, STRATEGIC
    yield "PATCH", core + "plain/pods/fine", {"metadata": {"annotations": {"a": "b"}}}, MERGE
    for place in ("default", "kube-public", "kube-node-lease"):
        yield "POST", core + place + "/pods", pod("root", ROOT), JSON
    # templates
    apps, batch = "/apis/apps/v1/namespaces/plain/", "/apis/batch/v1/namespaces/plain/"
    made = {"metadata": {"name": "w"}, "spec": {"selector": SELECTOR, "template": TEMPLATE}}
    job = {"template": {"spec": {**HOST, "restartPolicy": "Never"}}}
    yield "POST", core + "plain/podtemplates", {"metadata": {"name": "w"}, "template": TEMPLATE}, JSON
    yield "POST", core + "plain/replicationcontrollers", {"metadata": {"name": "w"}, "spec": {"template": TEMPLATE}}, JSON
    for kind in ("deployments", "replicasets", "daemonsets"):
        yield "POST", apps + kind, made, JSON
    yield "POST", apps + "statefulsets", edited(made, {"spec/serviceName": "w"}), JSON
    yield "POST", batch + "jobs", {"metadata": {"name": "w"}, "spec": job}, JSON
    yield "POST", batch + "cronjobs", {"metadata": {"name": "w"}, "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": job}}}, JSON
    yield "PATCH", apps + "deployments/w", {"metadata": {"annotations": {"a": "b"}}}, MERGE
    yield "PATCH", apps + "deployments/w/scale", {"spec": {"replicas": 2}}, MERGE
    yield "PATCH", apps + "deployments/w", {"spec": {"template": {"spec": {"volumes": None}}}}, MERGE
    yield "PATCH", apps + "deployments/w", {"spec": {"template": {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}], "hostIPC": True}}}}, MERGE
    # one level is enforced, another warned of
    yield "POST", spaces, namespace("two", enforce="baseline", warn="restricted", warn_version="v1.22"), JSON
    yield "POST", core + "two/pods", pod("fine", FINE), JSON
    yield "POST", core + "two/pods", pod("root", ROOT), JSON
    yield "PATCH", core + "two/pods/fine", {"spec": {"containers": [{"name": "c", "image": "j"}]}}, STRATEGIC
    yield "PATCH", core + "two/pods/fine", {"metadata": {"labels": {"a": "b"}}}, MERGE
    # privileged, then ever stricter
    yield "POST", spaces, namespace("open", enforce="privileged"), JSON
    for name, spec in (("b", HOST), ("a", HOST), ("r", ROOT), ("p", PID), ("q", PID), ("o", PID), ("fine", FINE)):
        yield "POST", core + "open/pods", pod(name, spec), JSON
    yield "POST", "/apis/apps/v1/namespaces/open/deployments", made, JSON
    yield "PATCH", core + "open?dryRun=All", relabelled(enforce="baseline"), MERGE
    yield "PATCH", core + "open", relabelled(enforce="baseline"), MERGE
    yield "PATCH", core + "open/pods/r", {"spec": {"containers": [{"name": "c", "image": "j"}]}}, STRATEGIC
    yield "PATCH", core + "open/pods/r", {"metadata": {"labels": {"a": "b"}}}, MERGE
    yield "PATCH", core + "open/pods/r/status", {"status": {"message": "m"}}, MERGE
    yield "PATCH", core + "open/pods/r/ephemeralcontainers", {"spec": {"ephemeralContainers": [{"name": "e", "image": "i"}]}}, STRATEGIC
    yield "PATCH", core + "open", relabelled(enforce="restricted", enforce_version="v1.20"), MERGE
    yield "PATCH", core + "open", relabelled(enforce_version="latest"), MERGE
    yield "PATCH", core + "open", relabelled(enforce="baseline"), MERGE
    yield "PATCH", core + "open", relabelled(enforce=None, enforce_version=None), MERGE
    yield "POST", core + "open/pods", pod("late", HOST), JSON
    yield "PATCH", core + "open", relabelled(enforce="privileged"), MERGE
    yield "POST", core + "open/pods", pod("late", HOST), JSON
    # exempt
    yield "POST", core + "kube-system/pods", pod("root", ROOT), JSON
    yield "POST", "/apis/apps/v1/namespaces/kube-system/daemonsets", made, JSON
    yield "PATCH", core + "kube-system", relabelled(enforce="restricted", warn="baseline", audit_version="v1.20"), MERGE
    yield "PATCH", core + "kube-system", relabelled(enforce="restricted", enforce_version="v1.30"), MERGE
    yield "POST", core + "kube-system/pods", pod("again", ROOT), JSON
    yield "PATCH", core + "kube-system", relabelled(enforce="privileged"), MERGE
    yield "PATCH", core + "kube-system", relabelled(enforce="none"), MERGE


def record_requests():
    rows = []
    for method, path, body, content_type in requests():
        code, answer, warnings = call(method, path, body, content_type)
        row = {"method": method, "path": path, "type": content_type, "body": body, "code": code}
        if code >= 400:
            row |= {"reason": answer["reason"], "message": answer["message"], "details": answer.get("details")}
        rows.append(row | ({"warnings": warnings} if warnings else {}))
    write("requests.json", rows)
    print(len(rows), "requests")


def write(name, rows):
    lines = [json.dumps(row, separators=(",", ":")) for row in rows]
    (HERE / name).write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    record_requests()
    record_pods()
