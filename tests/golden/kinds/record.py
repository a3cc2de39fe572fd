# SPDX-License-Identifier: Apache-2.0
"""Asks a real kube-apiserver what it says to bad pods, workloads and nodes (workloads.json), how it shows them in tables
(tables.json), what it warns of (warnings.json) and what LimitRanges do to pods (limits.json).

usage: record.py STATE PORT    with the state directory and port of a kube-apiserver that has admin.crt, admin.key, ca.crt there
"""
import copy, http.client, json, pathlib, ssl, sys

STATE, PORT = pathlib.Path(sys.argv[1]), int(sys.argv[2])
context = ssl.create_default_context(cafile=STATE / "ca.crt")
context.load_cert_chain(STATE / "admin.crt", STATE / "admin.key")


def call(method, path, body=None, content_type="application/json"):
    connection = http.client.HTTPSConnection("127.0.0.1", PORT, context=context)
    connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": content_type})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def changed(base, *edits):
    """The base with values put at paths; a value of ... takes the member away."""
    result = copy.deepcopy(base)
    for path, value in edits:
        at, names = result, path.split("/")
        for name in names[:-1]:
            at = at[int(name)] if isinstance(at, list) else at.setdefault(name, {})
        last = int(names[-1]) if isinstance(at, list) else names[-1]
        if value is ...:
            del at[last]
        elif isinstance(at, list) and last == len(at):
            at.append(value)
        else:
            at[last] = value
    return result


NS = "/api/v1/namespaces/d/"
PATHS = {
    "Pod": NS + "pods", "PodTemplate": NS + "podtemplates", "ReplicationController": NS + "replicationcontrollers", "Node": "/api/v1/nodes",
    "Deployment": "/apis/apps/v1/namespaces/d/deployments", "ReplicaSet": "/apis/apps/v1/namespaces/d/replicasets",
    "StatefulSet": "/apis/apps/v1/namespaces/d/statefulsets", "DaemonSet": "/apis/apps/v1/namespaces/d/daemonsets",
    "ControllerRevision": "/apis/apps/v1/namespaces/d/controllerrevisions",
    "Job": "/apis/batch/v1/namespaces/d/jobs", "CronJob": "/apis/batch/v1/namespaces/d/cronjobs",
}
C = "spec/containers/0/"
POD = {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
SET = {"metadata": {"name": "x"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}}
STATEFUL = changed(SET, ("spec/serviceName", "x"))
CONTROLLER = {"metadata": {"name": "x"}, "spec": {"selector": {"a": "b"}, "template": TEMPLATE}}
JOB = {"metadata": {"name": "x"}, "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}
CRON = {"metadata": {"name": "x"}, "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": JOB["spec"]}}}
NODE = {"metadata": {"name": "x"}}
VOLUMES = [("spec/volumes", [{"name": "v", "emptyDir": {}}]), (C + "volumeMounts", [{"name": "v", "mountPath": "/v"}])]


def volume(source):
    return [("spec/volumes", [{"name": "v", **source}])]


def pods():
    """Edits of a good pod, each a case."""
    one = [
        [("spec/containers", [])], [(C + "name", "")], [(C + "name", "A_b")], [(C + "image", "")], [(C + "image", " i ")],
        [("spec/containers/1", {"name": "c", "image": "i"})], [("spec/initContainers", [{"name": "c", "image": "i"}])],
        [("spec/initContainers", [{"name": "d", "image": "i", "livenessProbe": {"exec": {"command": ["a"]}}, "lifecycle": {"preStop": {"exec": {"command": ["a"]}}}}])],
        [("spec/initContainers", [{"name": "d", "image": "i", "restartPolicy": "Never"}])], [(C + "restartPolicy", "Always")],
        [(C + "terminationMessagePolicy", "X")], [(C + "imagePullPolicy", "Sometimes")],
        [(C + "ports", [{"containerPort": 0}])], [(C + "ports", [{"containerPort": 70000}])], [(C + "ports", [{"containerPort": 1, "hostPort": -1}])],
        [(C + "ports", [{"containerPort": 1, "protocol": "X"}])], [(C + "ports", [{"containerPort": 1, "name": "A"}])],
        [(C + "ports", [{"containerPort": 1, "name": "a--b-"}])], [(C + "ports", [{"containerPort": 1, "name": "1"}])],
        [(C + "ports", [{"containerPort": 1, "name": "aaaaaaaaaaaaaaaa"}])],
        [(C + "ports", [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}])],
        [(C + "ports", [{"containerPort": 1, "hostPort": 5}, {"containerPort": 2, "hostPort": 5}])],
        [("spec/hostNetwork", True), (C + "ports", [{"containerPort": 1, "hostPort": 5}])],
        [(C + "env", [{"name": ""}])], [(C + "env", [{"name": "a=b"}])], [(C + "env", [{"name": "A", "valueFrom": {}}])],
        [(C + "env", [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}])],
        [(C + "env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}, "secretKeyRef": {"name": "s", "key": "k"}}}])],
        [(C + "env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.x"}}}])],
        [(C + "env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": ""}}}])],
        [(C + "env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.restartPolicy"}}}])],
        [(C + "env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a b']"}}}])],
        [(C + "env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name['a']"}}}])],
        [(C + "env", [{"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v2", "fieldPath": "metadata.name"}}}])],
        [(C + "env", [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "x"}}}])],
        [(C + "env", [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "3"}}}])],
        [(C + "env", [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "3"}}}])],
        [(C + "env", [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "S_", "key": "a/b"}}}])],
        [(C + "env", [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "", "key": ""}}}])],
        [(C + "envFrom", [{}])], [(C + "envFrom", [{"prefix": "a=", "secretRef": {"name": ""}}])], [(C + "envFrom", [{"secretRef": {"name": "s"}, "configMapRef": {"name": "C"}}])],
        [(C + "volumeMounts", [{"name": "nope", "mountPath": "/a"}])], [(C + "volumeMounts", [{"name": "", "mountPath": ""}])],
        VOLUMES + [(C + "volumeMounts/1", {"name": "v", "mountPath": "/v"})], VOLUMES + [(C + "volumeMounts/0/subPath", "../a")],
        VOLUMES + [(C + "volumeMounts/0/subPath", "/a")], VOLUMES + [(C + "volumeMounts/0/subPathExpr", "a"), (C + "volumeMounts/0/subPath", "b")],
        VOLUMES + [(C + "volumeMounts/0/mountPropagation", "X")], VOLUMES + [(C + "volumeMounts/0/mountPropagation", "Bidirectional")],
        VOLUMES + [(C + "volumeMounts/0/recursiveReadOnly", "Enabled")], VOLUMES + [(C + "volumeDevices", [{"name": "v", "devicePath": "/d"}])],
        VOLUMES + [(C + "volumeDevices", [{"name": "w", "devicePath": "../d"}])],
        volume({"name": ""}), volume({"name": "V"}), [("spec/volumes", [{"name": "v"}, {"name": "v"}])],
        volume({"emptyDir": {}, "hostPath": {"path": "/x"}}), volume({"emptyDir": {"sizeLimit": "-1"}}), volume({"hostPath": {"path": ""}}),
        volume({"hostPath": {"path": "/a/../b", "type": "X"}}), volume({"secret": {"secretName": ""}}), volume({"secret": {"secretName": "s", "defaultMode": 512}}),
        volume({"secret": {"secretName": "s", "items": [{"key": "", "path": "../x", "mode": -1}]}}), volume({"secret": {"secretName": "s", "items": [{"key": "k", "path": "..x"}]}}),
        volume({"configMap": {"name": ""}}), volume({"gitRepo": {"repository": "", "directory": "/a"}}), volume({"nfs": {"server": "", "path": "a"}}),
        volume({"persistentVolumeClaim": {"claimName": ""}}), volume({"downwardAPI": {"items": [{"path": "a"}]}}),
        volume({"downwardAPI": {"items": [{"path": "", "fieldRef": {"fieldPath": "spec.nodeName"}}]}}),
        volume({"downwardAPI": {"items": [{"path": "a", "resourceFieldRef": {"resource": "limits.cpu"}}]}}),
        volume({"csi": {"driver": ""}}), volume({"csi": {"driver": "d", "nodePublishSecretRef": {"name": ""}}}),
        volume({"projected": {"sources": [{"secret": {"name": "s"}, "configMap": {"name": "c"}}]}}),
        volume({"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 1}}]}}), volume({"projected": {"sources": [{"serviceAccountToken": {"path": "/t"}}]}}),
        volume({"projected": {"sources": [{"secret": {"name": "", "items": [{"key": "a", "path": "p"}, {"key": "b", "path": "p"}]}}]}}),
        volume({"projected": {"sources": [{"downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "metadata.name"}}, {"path": "p", "fieldRef": {"fieldPath": "metadata.name"}}]}}]}}),
        volume({"ephemeral": {}}), volume({"ephemeral": {"volumeClaimTemplate": {"spec": {}}}}), volume({"iscsi": {"targetPortal": "", "iqn": "x", "lun": 300}}),
        volume({"iscsi": {"targetPortal": "a", "iqn": "iqn.x", "lun": 1}}), volume({"fc": {}}), volume({"rbd": {"monitors": [], "image": ""}}),
        volume({"azureDisk": {"diskName": "", "diskURI": "x", "kind": "Managed", "cachingMode": "X"}}), volume({"flexVolume": {"driver": "", "options": {"a.kubernetes.io/x": "y"}}}),
        volume({"quobyte": {"registry": "a", "volume": ""}}), volume({"flocker": {}}), volume({"storageos": {}}), volume({"scaleIO": {"gateway": "", "system": "", "volumeName": "", "secretRef": None}}),
        [(C + "livenessProbe", {})], [(C + "livenessProbe", {"exec": {}})], [(C + "livenessProbe", {"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}})],
        [(C + "livenessProbe", {"exec": {"command": ["a"]}, "successThreshold": 2, "periodSeconds": -1})],
        [(C + "readinessProbe", {"httpGet": {"port": 0, "scheme": "X", "httpHeaders": [{"name": "a b", "value": ""}]}})],
        [(C + "readinessProbe", {"tcpSocket": {"port": "A"}, "terminationGracePeriodSeconds": 1})], [(C + "startupProbe", {"grpc": {"port": 70000}, "terminationGracePeriodSeconds": 0})],
        [(C + "lifecycle", {"preStop": {}})], [(C + "lifecycle", {"preStop": {"sleep": {"seconds": 99}}})], [(C + "lifecycle", {"postStart": {"tcpSocket": {"port": 0}}})],
        [(C + "resources", {"limits": {"cpu": "-1"}})], [(C + "resources", {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}})], [(C + "resources", {"limits": {"foo": "1"}})],
        [(C + "resources", {"limits": {"a b": "1"}})], [(C + "resources", {"limits": {"storage": "1"}})], [(C + "resources", {"limits": {"x.com/a": "1500m"}})],
        [(C + "resources", {"requests": {"x.com/a": "1"}})], [(C + "resources", {"limits": {"hugepages-2Mi": "3"}})], [(C + "resources", {"requests": {"hugepages-2Mi": "2Mi"}})],
        [(C + "resources", {"limits": {"x.com/a": "2"}, "requests": {"x.com/a": "1"}})], [(C + "resources", {"claims": [{"name": "x"}]})],
        [("spec/resources", {"limits": {"cpu": "1"}}), (C + "resources", {"requests": {"cpu": "2"}})], [("spec/resources", {"limits": {"ephemeral-storage": "1"}})],
        [("spec/resources", {"limits": {"cpu": "1"}}), (C + "resources", {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}})],
        [(C + "securityContext", {"runAsUser": -1, "runAsGroup": 5000000000})], [(C + "securityContext", {"procMount": "X"})], [(C + "securityContext", {"procMount": "Unmasked"})],
        [(C + "securityContext", {"seccompProfile": {"type": "X"}})], [(C + "securityContext", {"seccompProfile": {"type": "Localhost"}})],
        [(C + "securityContext", {"appArmorProfile": {"type": "Localhost"}})], [(C + "securityContext", {"appArmorProfile": {"type": "X"}})],
        [("spec/securityContext", {"fsGroup": -1, "supplementalGroups": [-2], "fsGroupChangePolicy": "X"})],
        [("spec/securityContext", {"sysctls": [{"name": ""}, {"name": "a..b"}, {"name": "kernel.shm_rmid_forced"}, {"name": "kernel.shm_rmid_forced"}]})],
        [("spec/hostNetwork", True), ("spec/securityContext", {"sysctls": [{"name": "net.core.somaxconn"}]})], [("spec/hostPID", True), ("spec/shareProcessNamespace", True)],
        [("spec/restartPolicy", "X")], [("spec/dnsPolicy", "X")], [("spec/dnsPolicy", "None")], [("spec/dnsPolicy", "None"), ("spec/dnsConfig", {})],
        [("spec/dnsConfig", {"nameservers": ["1.1.1.1", "1.1.1.2", "1.1.1.3", "x"]})], [("spec/dnsConfig", {"searches": ["A B"]})], [("spec/dnsConfig", {"options": [{}]})],
        [("spec/nodeSelector", {"a b": "c d"})], [("spec/serviceAccountName", "A")], [("spec/nodeName", "A_")], [("spec/hostname", "a.b")], [("spec/subdomain", "A")],
        [("spec/activeDeadlineSeconds", 0)], [("spec/activeDeadlineSeconds", 2147483648)], [("spec/priorityClassName", "A_")],
        [("spec/preemptionPolicy", "X")], [("spec/os", {"name": "plan9"})], [("spec/readinessGates", [{"conditionType": "a b"}])], [("spec/schedulingGates", [{"name": "a b"}, {"name": "g"}, {"name": "g"}])],
        [("spec/hostAliases", [{"ip": "x", "hostnames": ["A"]}])], [("spec/schedulingGates", [{"name": "g"}]), ("spec/nodeName", "n")],
        [("spec/tolerations", [{"value": "x"}])], [("spec/tolerations", [{"key": "a b", "operator": "X"}])], [("spec/tolerations", [{"key": "a", "operator": "Exists", "value": "x"}])],
        [("spec/tolerations", [{"key": "a", "value": "x y"}])], [("spec/tolerations", [{"key": "a", "operator": "Exists", "tolerationSeconds": 1, "effect": "NoSchedule"}])],
        [("spec/tolerations", [{"key": "a", "operator": "Exists", "effect": "X"}])],
        [("spec/topologySpreadConstraints", [{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "X"}])],
        [("spec/topologySpreadConstraints", [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}, {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}])],
        [("spec/topologySpreadConstraints", [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 1, "nodeTaintsPolicy": "X", "matchLabelKeys": ["a"]}])],
        [("spec/topologySpreadConstraints", [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "matchLabelKeys": ["a", "b"], "labelSelector": {"matchLabels": {"b": "c"}}}]), ("metadata/labels", {"a": "b", "b": "c"})],
        [("spec/topologySpreadConstraints", [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "matchLabelKeys": ["a"], "labelSelector": {"matchLabels": {"b": "c"}}}]), ("metadata/labels", {"a": "b", "b": "c"})],
        [("spec/affinity", {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "z", "matchLabelKeys": ["a"], "mismatchLabelKeys": ["a"], "labelSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}]}}), ("metadata/labels", {"a": "b"})],
        [("spec/affinity", {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}})],
        [("spec/affinity", {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a b", "operator": "In"}, {"key": "a", "operator": "X"}, {"key": "a", "operator": "Exists", "values": ["x"]}, {"key": "a", "operator": "Gt", "values": []}]}]}}})],
        [("spec/affinity", {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.namespace", "operator": "In", "values": ["a"]}, {"key": "metadata.name", "operator": "Exists", "values": ["A_"]}]}]}}})],
        [("spec/affinity", {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "preference": {}}]}})],
        [("spec/affinity", {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "", "namespaces": ["A"], "labelSelector": {"matchExpressions": [{"key": "a", "operator": "X"}]}}]}})],
        [("spec/affinity", {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 101, "podAffinityTerm": {"topologyKey": "a b", "matchLabelKeys": ["x"]}}]}})],
        [("metadata/annotations", {"kubernetes.io/config.mirror": "x"}), ("spec/automountServiceAccountToken", False)], [("metadata/annotations", {"controller.kubernetes.io/pod-deletion-cost": "x"})],
        [("spec/ephemeralContainers", [{"name": "e", "image": "i"}])], [("spec/resourceClaims", [{"name": ""}])], [("spec/resourceClaims", [{"name": "a"}])],
        [("spec/hostUsers", False), ("spec/hostNetwork", True)], [("spec/hostUsers", False), ("spec/hostPID", True), ("spec/hostIPC", True)],
    ]
    return [("Pod", changed(POD, ("spec/automountServiceAccountToken", False), *edits)) for edits in one]


def others():
    def kind(name, base, *edits):
        return [(name, changed(base, *e)) for e in edits]
    s = "spec/"
    return (
        kind("PodTemplate", {"metadata": {"name": "x"}, "template": TEMPLATE}, [("template/spec/containers", [])], [("template/metadata/labels", {"a b": "c"})], [("template/metadata/annotations", {"a b": "c"})],
             [("template/spec/ephemeralContainers", [{"name": "e", "image": "i"}])], [("template/spec/containers/0/image", " i ")])
        + kind("ReplicationController", CONTROLLER, [("spec/replicas", -1)], [("spec/template", ...)], [("spec/selector", {"a": "x"})], [("spec/template/spec/restartPolicy", "Never")],
               [("spec/template/spec/activeDeadlineSeconds", 5)], [("spec/minReadySeconds", -1)], [("spec/selector", ...), ("spec/template/metadata", ...)])
        + kind("Deployment", SET, [("spec/replicas", -1)], [("spec/selector", ...)], [("spec/selector", {})], [("spec/selector/matchLabels", {"a": "x"})], [("spec/template/metadata", ...)],
               [("spec/strategy", {"type": "X"})][:0], [("spec/strategy", {"type": "Recreate", "rollingUpdate": {}})], [("spec/strategy", {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}})],
               [("spec/strategy", {"rollingUpdate": {"maxSurge": "x", "maxUnavailable": "101%"}})], [("spec/strategy", {"rollingUpdate": {"maxSurge": -1}})], [("spec/minReadySeconds", 700)],
               [("spec/progressDeadlineSeconds", -1)], [("spec/revisionHistoryLimit", -1)], [("spec/template/spec/restartPolicy", "Never")], [("spec/template/spec/activeDeadlineSeconds", 5)],
               [("spec/selector/matchExpressions", [{"key": "a", "operator": "In", "values": []}])], [("spec/selector/matchExpressions", [{"key": "a", "operator": "NotIn", "values": ["c"]}, {"key": "z", "operator": "Exists"}])],
               [("spec/template/spec/containers", [])], [("spec/template/spec/containers/0/ports", [{"containerPort": 0}])], [("metadata/name", "A")])
        + kind("ReplicaSet", SET, [("spec/replicas", -1), ("spec/minReadySeconds", -1)], [("spec/selector", ...)], [("spec/selector", {})], [("spec/template/spec/restartPolicy", "OnFailure")], [("spec/selector/matchLabels", {"a": "x"})])
        + kind("StatefulSet", STATEFUL, [("spec/podManagementPolicy", "X")], [("spec/updateStrategy", {"type": "OnDelete", "rollingUpdate": {}})][:0], [("spec/updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"partition": -1}})],
               [("spec/replicas", -1)], [("spec/ordinals", {"start": -1})], [("spec/serviceName", "A")], [("spec/selector", ...)], [("spec/selector", {})], [("spec/selector/matchLabels", {"a": "x"})],
               [("spec/volumeClaimTemplates", [{"metadata": {"name": "v"}, "spec": {}}])], [("spec/volumeClaimTemplates", [{"metadata": {"name": "v"}, "spec": {"accessModes": ["X", "ReadWriteOncePod", "ReadWriteOnce"], "resources": {"requests": {"storage": "0"}}}}])],
               [("spec/template/spec/containers/0/volumeMounts", [{"name": "v", "mountPath": "/v"}])], [("spec/template/spec/restartPolicy", "Never"), ("spec/template/spec/activeDeadlineSeconds", 5)],
               [("spec/persistentVolumeClaimRetentionPolicy", {"whenDeleted": "X"})], [("metadata/name", "a.b")])
        + kind("DaemonSet", SET, [("spec/selector", {})], [("spec/selector/matchLabels", {"a": "x"})], [("spec/updateStrategy", {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}})],
               [("spec/updateStrategy", {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}})], [("spec/updateStrategy", {"rollingUpdate": {"maxSurge": "101%", "maxUnavailable": 0}})],
               [("spec/template/spec/restartPolicy", "Never")], [("spec/minReadySeconds", -1), ("spec/revisionHistoryLimit", -1)], [("spec/template/spec/activeDeadlineSeconds", 5)])
        + kind("ControllerRevision", {"metadata": {"name": "x"}, "revision": 1, "data": {}}, [("revision", -1)], [("data", ...)], [("data", [1])], [("data", None)], [("data", "x")])
        + kind("Job", JOB, [("spec/parallelism", -1), ("spec/completions", -1), ("spec/backoffLimit", -1)], [("spec/template/spec/restartPolicy", "Always")], [("spec/template/spec/restartPolicy", "X")],
               [("spec/completionMode", "X")], [("spec/completionMode", "Indexed"), ("spec/parallelism", 1)], [("spec/completionMode", "Indexed"), ("spec/completions", 1), ("spec/parallelism", 100001)],
               [("spec/backoffLimitPerIndex", 1), ("spec/maxFailedIndexes", 1)], [("spec/maxFailedIndexes", 1), ("spec/completionMode", "Indexed"), ("spec/completions", 1)], [("spec/managedBy", "x")], [("spec/managedBy", "a.b/" + "c" * 63)],
               [("spec/podReplacementPolicy", "X")], [("spec/podFailurePolicy", {"rules": [{"action": "X", "onExitCodes": {"operator": "X", "values": []}}]})], [("spec/podFailurePolicy", {"rules": [{"action": "", "onPodConditions": [{"type": "a b", "status": "X"}]}]})],
               [("spec/podFailurePolicy", {"rules": [{"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [0, 3, 2, 2], "containerName": "z"}}]})], [("spec/podFailurePolicy", {"rules": [{"action": "Ignore"}]})],
               [("spec/podFailurePolicy", {"rules": []}), ("spec/podReplacementPolicy", "TerminatingOrFailed")], [("spec/podFailurePolicy", {"rules": []}), ("spec/template/spec/restartPolicy", "OnFailure")],
               [("spec/completionMode", "Indexed"), ("spec/completions", 3), ("spec/successPolicy", {"rules": []})], [("spec/completionMode", "Indexed"), ("spec/completions", 3), ("spec/successPolicy", {"rules": [{}]})],
               [("spec/completionMode", "Indexed"), ("spec/completions", 3), ("spec/successPolicy", {"rules": [{"succeededIndexes": "0-5"}]})], [("spec/completionMode", "Indexed"), ("spec/completions", 3), ("spec/successPolicy", {"rules": [{"succeededIndexes": "a"}]})],
               [("spec/completionMode", "Indexed"), ("spec/completions", 3), ("spec/successPolicy", {"rules": [{"succeededIndexes": "2,1"}]})], [("spec/completionMode", "Indexed"), ("spec/completions", 3), ("spec/successPolicy", {"rules": [{"succeededIndexes": "0-1", "succeededCount": 5}]})],
               [("spec/completionMode", "Indexed"), ("spec/completions", 3), ("spec/successPolicy", {"rules": [{"succeededIndexes": "0-1-2"}]})],
               [("spec/activeDeadlineSeconds", -1), ("spec/ttlSecondsAfterFinished", -1)], [("spec/manualSelector", True)], [("spec/manualSelector", True), ("spec/selector", {"matchLabels": {"a": "b"}})])
        + kind("CronJob", CRON, *[[("spec/schedule", t)] for t in ("", "x", "* * * *", "60 * * * *", "* * 0 * *", "a * * * *", "*/0 * * * *", "5-1 * * * *", "1-2-3 * * * *", "1/2/3 * * * *", "* * * jan-foo *", "@dailyx", "@every x", "@every 1", "-1 * * * *", "TZ=UTC * * * * *", "* * * * 7", "1,,61 * * * *", "* * * * mon#1")],
               [("spec/timeZone", "")], [("spec/timeZone", "Nope/Zone")], [("spec/timeZone", "../etc")], [("spec/timeZone", "Local")], [("spec/concurrencyPolicy", "X")], [("spec/startingDeadlineSeconds", -1)], [("spec/failedJobsHistoryLimit", -1), ("spec/successfulJobsHistoryLimit", -1)],
               [("spec/jobTemplate/spec/selector", {"matchLabels": {"a": "b"}})], [("spec/jobTemplate/spec/manualSelector", True)], [("spec/jobTemplate/spec/template/spec/restartPolicy", "Always")], [("metadata/name", "a" * 53)],
               [("spec/jobTemplate/spec/parallelism", -1)])
        + kind("Node", NODE, [("spec/taints", [{"key": "a b", "value": "c d", "effect": "X"}])] if False else [("spec/taints", [{"key": "a", "effect": "X"}])], [("spec/podCIDR", "x")], [("spec/podCIDRs", ["10.0.0.0/24", "10.0.1.0/24"]), ("spec/podCIDR", "10.0.0.0/24")],
               [("status/capacity", {"cpu": "-1"})], [("spec/taints", [{"key": "a", "value": "x y", "effect": ""}])], [("status/capacity", {"pods": "1500m"}), ("status/allocatable", {"cpu": "1"})], [("metadata/name", "A_")])
    )


def updates():
    """kind, the object as it was made, what is put over it."""
    def put(kind, base, *edits, sub=None):
        return [(kind, base, e, sub) for e in edits]
    pod = changed(POD, ("spec/tolerations", [{"key": "k", "operator": "Exists"}]), ("spec/activeDeadlineSeconds", 10))
    started = {"replicas": 1, "readyReplicas": 2, "availableReplicas": 3, "updatedReplicas": -1}
    suspended = changed(JOB, ("spec/suspend", True))
    return (
        put("Pod", pod, [(C + "image", "j")], [("spec/activeDeadlineSeconds", 5)], [("spec/activeDeadlineSeconds", 20)], [("spec/activeDeadlineSeconds", ...)], [("spec/containers", [])],
            [("spec/containers/1", {"name": "d", "image": "i"})], [("spec/tolerations", [])], [("spec/tolerations/3", {"key": "n", "operator": "Exists"})], [(C + "image", " j ")],
            [("spec/initContainers", [{"name": "d", "image": "i"}])], [("spec/tolerations/0/tolerationSeconds", 1), ("spec/tolerations/0/effect", "NoExecute")], [("metadata/annotations", {"kubernetes.io/config.mirror": "x"})])
        + put("Pod", pod, [("status/qosClass", "Guaranteed")], [("status/conditions", [{"type": "a b", "status": "True"}])], [("status/podIP", "x")], [("status/hostIPs", [{"ip": "1.1.1.1"}])],
              [("status/nominatedNodeName", "A_")], [("status/podIPs", [{"ip": "1.1.1.1"}, {"ip": "1.1.1.2"}])], sub="status")
        + put("Pod", pod, [("spec/ephemeralContainers", [{"name": "e", "image": "i"}])], [("spec/ephemeralContainers", [{"name": "c", "image": "i"}])], [("spec/ephemeralContainers", [{"name": "e", "image": "i", "ports": [{"containerPort": 1}], "resources": {"limits": {"cpu": "1"}}}])],
              [("spec/ephemeralContainers", [{"name": "e", "image": "i", "targetContainerName": "z"}])], sub="ephemeralcontainers")
        + put("Pod", changed(POD, (C + "resources", {"requests": {"cpu": "1"}})), [(C + "resources", {"requests": {"cpu": "2"}})], [(C + "resources", {})], [(C + "resources", {"requests": {"cpu": "1"}, "limits": {"x.com/a": "1"}})], [("spec/containers/1", {"name": "d", "image": "i"})], sub="resize")
        + put("Deployment", SET, [("spec/replicas", 3)], [("spec/selector/matchLabels", {"a": "x"}), ("spec/template/metadata/labels", {"a": "x"})])
        + put("Deployment", SET, [("status", started)], sub="status")
        + put("ReplicaSet", SET, [("spec/selector/matchLabels", {"a": "x"}), ("spec/template/metadata/labels", {"a": "x"})])
        + put("DaemonSet", SET, [("spec/selector/matchLabels", {"a": "x"}), ("spec/template/metadata/labels", {"a": "x"})])
        + put("StatefulSet", STATEFUL, [("spec/replicas", 3)], [("spec/serviceName", "y")], [("spec/podManagementPolicy", "Parallel")], [("spec/template/spec/containers/0/image", "j")])
        + put("StatefulSet", STATEFUL, [("status", {"replicas": 1, "readyReplicas": 2})], sub="status")
        + put("ControllerRevision", {"metadata": {"name": "x"}, "revision": 1, "data": {"a": 1}}, [("revision", 2)])
        + put("Job", JOB, [("spec/parallelism", 2)], [("spec/completions", 2)], [("spec/completionMode", "Indexed")])
        + put("Job", changed(JOB, ("spec/completionMode", "Indexed"), ("spec/completions", 2)), [("spec/completions", 3)], [("spec/completions", 3), ("spec/parallelism", 3)])
        + put("Job", suspended, [("spec/template/spec/nodeSelector", {"a": "b"})], [("spec/suspend", False)])
        + put("Job", JOB, [("status", {"conditions": [{"type": "Complete", "status": "True"}]})], [("status", {"active": -1, "ready": 3})], [("status", {"conditions": [{"type": "Failed", "status": "True"}, {"type": "FailureTarget", "status": "True"}]})], sub="status")
        + put("CronJob", CRON, [("spec/schedule", "x")], [("spec/timeZone", "Nope")], [("spec/suspend", True)])
        + put("Node", changed(NODE, ("spec/podCIDR", "10.0.0.0/24"), ("spec/providerID", "p")), [("spec/podCIDR", "10.0.1.0/24"), ("spec/podCIDRs", ["10.0.1.0/24"])], [("spec/providerID", "q")], [("spec/taints", [{"key": "a", "effect": "NoSchedule"}, {"key": "b", "effect": ""}])], [("spec/unschedulable", True)])
        + put("Node", NODE, [("status/addresses", [{"type": "InternalIP", "address": "1.1.1.1"}, {"type": "InternalIP", "address": "1.1.1.2"}])], sub="status")
    )


def answer(status, body):
    """What is wrong, or nothing."""
    if status < 300:
        return {"code": status}
    return {"code": status, "message": body["message"], "causes": body.get("details", {}).get("causes", [])}


NOW = "2026-11-21T12:00:00Z"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def statuses():
    """kind, object, status: what tables show of them."""
    def running(**more):
        return {"name": "c", "image": "i", "imageID": "", "ready": True, "restartCount": 0, "started": True, "state": {"running": {"startedAt": NOW}}, **more}
    def ended(**more):
        return {"terminated": {"exitCode": 1, "startedAt": "2020-01-01T00:00:00Z", "finishedAt": "2020-01-01T00:00:00Z", **more}}
    def waits(reason):
        return {"waiting": {"reason": reason}}
    init = changed(POD, ("spec/initContainers", [{"name": "a", "image": "i"}, {"name": "s", "image": "i", "restartPolicy": "Always"}]))
    one = lambda **more: {"name": "a", "image": "i", "imageID": "", "ready": False, "restartCount": 2, **more}
    side = lambda **more: {"name": "s", "image": "i", "imageID": "", "ready": True, "restartCount": 1, "started": True, "state": {"running": {"startedAt": NOW}}, **more}
    gated = changed(POD, ("spec/readinessGates", [{"conditionType": "x.com/a"}, {"conditionType": "x.com/b"}]))
    ready = [{"type": "Ready", "status": "True"}, {"type": "x.com/a", "status": "True"}]
    pods = [
        (POD, {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}], "containerStatuses": [running()], "conditions": ready}),
        (POD, {"phase": "Running", "containerStatuses": [running(restartCount=3)]}), (POD, {"phase": "Running", "containerStatuses": [running(ready=False)]}),
        (POD, {"phase": "Running", "containerStatuses": [running(ready=False, state=waits("CrashLoopBackOff"), restartCount=7)]}),
        (POD, {"phase": "Failed", "containerStatuses": [running(ready=False, state=ended(reason="Error"))]}), (POD, {"phase": "Failed", "containerStatuses": [running(ready=False, state=ended())]}),
        (POD, {"phase": "Failed", "containerStatuses": [running(ready=False, state=ended(signal=9))]}), (POD, {"phase": "Failed", "reason": "Evicted"}),
        (POD, {"phase": "Succeeded", "containerStatuses": [running(ready=False, state=ended(exitCode=0, reason="Completed"))]}),
        (changed(POD, ("spec/containers/1", {"name": "d", "image": "i"})), {"phase": "Running", "containerStatuses": [running(ready=False, state=ended(exitCode=0, reason="Completed")), running(name="d")], "conditions": ready}),
        (changed(POD, ("spec/containers/1", {"name": "d", "image": "i"})), {"phase": "Running", "containerStatuses": [running(ready=False, state=ended(exitCode=0, reason="Completed")), running(name="d")]}),
        (changed(POD, ("spec/containers/1", {"name": "d", "image": "i"})), {"phase": "Pending", "containerStatuses": [running(ready=False, state=waits("ImagePullBackOff")), running(name="d", ready=False, state=waits("ContainerCreating"))]}),
        (init, {"phase": "Pending", "initContainerStatuses": [one(state=waits("PodInitializing"))]}), (init, {"phase": "Pending", "initContainerStatuses": [one(state=waits("ErrImagePull"))]}),
        (init, {"phase": "Pending", "initContainerStatuses": [one(state=ended())]}), (init, {"phase": "Pending", "initContainerStatuses": [one(state=ended(signal=9))]}), (init, {"phase": "Pending", "initContainerStatuses": [one(state=ended(reason="OOMKilled"))]}),
        (init, {"phase": "Pending", "initContainerStatuses": [one(state=ended(exitCode=0)), side(started=False)]}),
        (init, {"phase": "Running", "initContainerStatuses": [one(state=ended(exitCode=0)), side()], "containerStatuses": [running(restartCount=1)]}),
        (init, {"phase": "Running", "initContainerStatuses": [one(state=ended(exitCode=0)), side(ready=False)], "containerStatuses": [running()], "conditions": [{"type": "Initialized", "status": "True"}]}),
        (gated, {"phase": "Running", "containerStatuses": [running()], "conditions": ready}), (changed(POD, ("spec/schedulingGates", [{"name": "g"}])), None), (POD, {"phase": "Pending", "nominatedNodeName": "n"}),
        (changed(POD, ("spec/nodeName", "n")), {"phase": "Running", "containerStatuses": [running()]}),
    ]
    done = [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]
    failed = [{"type": "FailureTarget", "status": "True"}, {"type": "Failed", "status": "True"}]
    jobs = [(JOB, {"startTime": "2020-01-01T00:00:00Z", "completionTime": "2020-01-01T00:05:00Z", "succeeded": 1, "conditions": done}), (JOB, {"startTime": "2020-01-01T00:00:00Z", "failed": 1, "conditions": failed}),
            (JOB, {"conditions": [{"type": "Suspended", "status": "True"}]}), (changed(JOB, ("spec/parallelism", 3)), None), (changed(JOB, ("spec/parallelism", 1)), None), (JOB, {"conditions": [{"type": "FailureTarget", "status": "True"}]})]
    nodes = [(changed(NODE, ("metadata/labels", {"node-role.kubernetes.io/b": "", "node-role.kubernetes.io/a": "", "kubernetes.io/role": "c"}), ("spec/unschedulable", True)), {"conditions": [{"type": "Ready", "status": "True"}]}),
             (NODE, {"conditions": [{"type": "Ready", "status": "Unknown"}], "addresses": [{"type": "InternalIP", "address": "1.1.1.1"}, {"type": "ExternalIP", "address": "2.2.2.2"}], "nodeInfo": {"machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "k", "osImage": "o", "containerRuntimeVersion": "c", "kubeletVersion": "v1", "kubeProxyVersion": "", "operatingSystem": "", "architecture": ""}})]
    expressions = changed(SET, ("spec/selector/matchExpressions", [{"key": "z", "operator": "DoesNotExist"}, {"key": "a", "operator": "In", "values": ["c", "b"]}, {"key": "a", "operator": "Exists"}]),
                          ("spec/template/spec/containers/1", {"name": "d", "image": "j"}), ("spec/template/spec/nodeSelector", {"x": "y", "a": "b"}))
    return ([("Pod", *p) for p in pods] + [("Job", *j) for j in jobs] + [("Node", *n) for n in nodes]
            + [("Deployment", expressions, {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1}), ("ReplicaSet", expressions, {"replicas": 3, "readyReplicas": 2}),
               ("DaemonSet", expressions, {"currentNumberScheduled": 1, "numberMisscheduled": 0, "desiredNumberScheduled": 2, "numberReady": 3, "updatedNumberScheduled": 4, "numberAvailable": 5}),
               ("StatefulSet", changed(STATEFUL, ("spec/replicas", 3)), {"replicas": 3, "readyReplicas": 2}), ("ReplicationController", CONTROLLER, {"replicas": 3, "readyReplicas": 2}),
               ("CronJob", changed(CRON, ("spec/timeZone", "Etc/UTC"), ("spec/suspend", True)), {"active": [{"name": "a"}, {"name": "b"}]}),
               ("ControllerRevision", {"metadata": {"name": "x", "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "o", "uid": "u", "controller": True}]}, "revision": 7, "data": {}}, None)])


def row(path):
    connection = http.client.HTTPSConnection("127.0.0.1", PORT, context=context)
    connection.request("GET", path + "?includeObject=None", headers={"Accept": TABLE})
    return json.loads(connection.getresponse().read())["rows"][0]["cells"]


def tables():
    for kind, base, status in statuses():
        path = PATHS[kind] + "/x"
        code, made = call("POST", PATHS[kind], base)
        assert code == 201, (kind, base, made)
        if status is not None:
            code, changed_status = call("PUT", path + "/status", {**made, "status": {**made.get("status", {}), **status}})
            assert code == 200, (kind, status, changed_status)
        code, stored = call("GET", path)
        yield {"kind": kind, "object": {k: v for k, v in stored.items() if k != "managedFields"} | {"metadata": {k: v for k, v in stored["metadata"].items() if k != "managedFields"}}, "cells": row(path)}
        call("DELETE", path, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})


def limits():
    ranges = [
        [{"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m", "memory": "1Gi"}}], [{"type": "Container", "min": {"cpu": "100m"}, "max": {"cpu": "1"}}],
        [{"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}}], [{"type": "Pod", "max": {"cpu": "1"}, "min": {"memory": "1Gi"}}], [{"type": "Container", "max": {"cpu": "200m"}}, {"type": "Pod", "maxLimitRequestRatio": {"memory": "1500m"}}],
    ]
    two = changed(POD, ("spec/containers/1", {"name": "d", "image": "i"}), ("spec/initContainers", [{"name": "e", "image": "i"}]))
    bodies = [POD, two, changed(POD, (C + "resources", {"requests": {"cpu": "50m"}})), changed(POD, (C + "resources", {"limits": {"cpu": "2"}, "requests": {"cpu": "500m"}})),
              changed(two, (C + "resources", {"limits": {"cpu": "600m", "memory": "2Gi"}}), ("spec/containers/1/resources", {"limits": {"cpu": "600m", "memory": "1Gi"}, "requests": {"memory": "100Mi"}}))]
    for rows in ranges:
        code, made = call("POST", NS + "limitranges", {"metadata": {"name": "l"}, "spec": {"limits": rows}})
        assert code == 201, made
        import time
        time.sleep(1.5)  # the server's own cache of them
        for body in bodies:
            code, pod = call("POST", NS + "pods?dryRun=All", changed(body, ("spec/automountServiceAccountToken", False)))
            yield {"range": {"spec": made["spec"]}, "body": body, **answer(code, pod),
                   **({"resources": [c["resources"] for c in pod["spec"]["containers"]], "annotation": pod["metadata"].get("annotations", {}).get("kubernetes.io/limit-ranger", "")} if code == 201 else {})}
        call("DELETE", NS + "limitranges/l")
        time.sleep(1)


def warned():
    quiet = changed(POD, ("spec/automountServiceAccountToken", False))
    edits = [
        [("metadata/name", "a.b")], [(C + "env", [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}, {"name": "A", "value": "$(A)3"}, {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}])],
        [(C + "resources", {"limits": {"memory": "100m"}})], [("spec/nodeSelector", {"beta.kubernetes.io/arch": "x", "failure-domain.beta.kubernetes.io/zone": "y"})],
        volume({"rbd": {"monitors": ["m"], "image": "i"}}), volume({"glusterfs": {"endpoints": "e", "path": "p"}}), [("spec/terminationGracePeriodSeconds", -1)],
        [("spec/hostAliases", [{"ip": "1.1.1.1"}, {"ip": "1.1.1.1"}])], [("spec/imagePullSecrets", [{"name": "a"}, {"name": "a"}, {}])],
        [("spec/topologySpreadConstraints", [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}])],
    ]
    bodies = [("Pod", changed(quiet, *e)) for e in edits]
    bodies += [("Deployment", changed(SET, ("metadata/name", "a.b"), ("spec/template/spec/nodeSelector", {"beta.kubernetes.io/os": "x"}))), ("CronJob", changed(CRON, ("spec/jobTemplate/spec/template/spec/terminationGracePeriodSeconds", -1))),
               ("PodTemplate", {"metadata": {"name": "x"}, "template": changed(TEMPLATE, ("spec/terminationGracePeriodSeconds", -1))}), ("StatefulSet", changed(STATEFUL, ("spec/template/spec/terminationGracePeriodSeconds", -1)))]
    for kind, body in bodies:
        connection = http.client.HTTPSConnection("127.0.0.1", PORT, context=context)
        connection.request("POST", PATHS[kind] + "?dryRun=All", json.dumps(body), {"Content-Type": "application/json"})
        said = connection.getresponse()
        assert said.status == 201, said.read()
        yield {"kind": kind, "body": body, "warnings": [json.loads(w[len("299 - "):]) for w in said.headers.get_all("Warning") or []]}


def write(name, cases):
    out = pathlib.Path(__file__).parent / name
    out.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":"), ensure_ascii=False) for c in cases) + "\n]\n")
    print(name, len(cases), "cases,", sum(c.get("code", 200) < 300 for c in cases), "accepted")


def main():
    call("POST", "/api/v1/namespaces", {"metadata": {"name": "d"}})
    call("POST", NS + "serviceaccounts", {"metadata": {"name": "default"}})
    cases = []
    for kind, body in pods() + others():
        cases.append({"kind": kind, "body": body, **answer(*call("POST", PATHS[kind] + "?dryRun=All", body))})
    for kind, base, edits, sub in updates():
        path = PATHS[kind] + "/x"
        code, old = call("POST", PATHS[kind], base)
        assert code == 201, (kind, base, old)
        body = changed(old, *edits)
        cases.append({"kind": kind, "old": base, "edits": [[p, None if v is ... else v] for p, v in edits], **({"subresource": sub} if sub else {}), **answer(*call("PUT", path + ("/" + sub if sub else "") + "?dryRun=All", body))})
        call("DELETE", path, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
    write("workloads.json", cases)
    write("tables.json", list(tables()))
    write("warnings.json", list(warned()))
    write("limits.json", list(limits()))


main()
