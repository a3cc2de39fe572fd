# SPDX-License-Identifier: Apache-2.0
"""helm, with a chart that has one of each kind that ordinary charts have. Its releases are Secrets in Coffer."""
import base64
import gzip
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import harness
import pytest

CHART = Path(__file__).with_name("chart")
OWN = ["secrets/shop", "secrets/shop-kept", "configmaps/shop", "serviceaccounts/shop", "services/shop"]
GROUPED = ["apps/v1 deployments", "apps/v1 statefulsets", "batch/v1 cronjobs", "networking.k8s.io/v1 ingresses", "networking.k8s.io/v1 networkpolicies",
           "policy/v1 poddisruptionbudgets", "autoscaling/v2 horizontalpodautoscalers", "rbac.authorization.k8s.io/v1 roles",
           "rbac.authorization.k8s.io/v1 rolebindings"]


class Helm:
    def __init__(self, program, server, namespace):
        self.program, self.server, self.namespace = program, server, namespace
        self.home = Path(tempfile.mkdtemp(prefix="helm.", dir=harness.SCRATCH))
        self.chart = self.home / "chart"
        shutil.copytree(CHART, self.chart)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.home), "KUBECONFIG": str(server.kubeconfig)}

    def run(self, *arguments, check=True):
        done = subprocess.run([self.program, "-n", self.namespace, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                              env=self.environment, cwd=self.home)
        if check:
            assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-o", "json").stdout)

    def get(self, path, version=None):
        at = f"/apis/{version}" if version else "/api/v1"
        answer = self.server.request("GET", f"{at}/namespaces/{self.namespace}/{path}")
        return answer.json() if answer.status == 200 else answer.status

    def paths(self):
        """Where the objects of the chart are."""
        return [(path, None) for path in OWN] + [(f"{kind}/shop", version) for version, kind in (text.split() for text in GROUPED)]


@pytest.fixture
def helm(client, server, namespace):
    yield Helm(client("helm"), server, namespace)
    server.request("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.shop.example.com")


def test_install_upgrade_rollback_uninstall(helm):
    first, second = harness.canary("helm"), harness.canary("helm")
    done = helm.run("install", "shop", "chart", "--set", f"password={first}")
    assert "STATUS: deployed" in done.stdout and "Shop shop runs revision 1." in done.stdout
    missing = [path for path in helm.paths() if isinstance(helm.get(*path), int)]
    assert not missing
    assert helm.get("secrets/shop")["data"] == {"password": harness.b64(first)}
    assert helm.get("configmaps/shop")["data"]["apis"] == "true"
    assert helm.get("configmaps/shop-before")["data"] == {"revision": "1"} and helm.get("secrets/shop-after") == 404, "hooks"
    token = helm.get("secrets/shop-kept")["data"]["token"]

    # a manager's change between is kept where the chart says nothing else
    helm.server.call("PATCH", f"/api/v1/namespaces/{helm.namespace}/configmaps/shop", {"data": {"theirs": "1"}},
                     headers=[("Content-Type", "application/merge-patch+json")])
    helm.run("upgrade", "shop", "chart", "--set", f"password={second},extra=x,replicas=3,image=shop:2,autoscaling=false,widget=4")
    assert helm.get("secrets/shop")["data"] == {"password": harness.b64(second), "extra": harness.b64("x")}
    assert helm.get("secrets/shop-kept")["data"]["token"] == token, "lookup saw the Secret"
    deployment = helm.get("deployments/shop", "apps/v1")
    assert (deployment["spec"]["replicas"], deployment["spec"]["template"]["spec"]["containers"][0]["image"]) == (3, "shop:2")
    assert helm.get("configmaps/shop")["data"]["replicas"] == "3" and helm.get("configmaps/shop")["data"]["theirs"] == "1"
    assert helm.get("horizontalpodautoscalers/shop", "autoscaling/v2") == 404, "what left the chart is deleted"
    assert helm.get("widgets/shop", "shop.example.com/v1")["spec"] == {"size": 4, "color": "red"}

    helm.run("rollback", "shop", "1")
    assert helm.get("secrets/shop")["data"]["password"] == harness.b64(first)
    assert helm.get("deployments/shop", "apps/v1")["spec"]["replicas"] == 2
    assert helm.get("horizontalpodautoscalers/shop", "autoscaling/v2")["spec"]["maxReplicas"] == 5
    assert helm.get("widgets/shop", "shop.example.com/v1") == 404
    history = helm.json("history", "shop")
    assert [(row["revision"], row["status"]) for row in history] == [(1, "superseded"), (2, "superseded"), (3, "deployed")]
    assert [row["name"] for row in helm.json("list")] == ["shop"]
    assert helm.json("status", "shop")["info"]["status"] == "deployed"

    assert helm.run("uninstall", "shop").stdout == 'release "shop" uninstalled\n'
    assert [path for path in helm.paths() if helm.get(*path) != 404] == []
    assert helm.json("list", "-a") == [] and "not found" in helm.run("status", "shop", check=False).stderr


def test_releases_are_secrets(helm):
    helm.run("install", "shop", "chart", "--set", "password=p")
    found = helm.get("secrets/sh.helm.release.v1.shop.v1")
    assert found["type"] == "helm.sh/release.v1" and found["metadata"]["labels"]["status"] == "deployed"
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(found["data"]["release"]))))
    assert release["name"] == "shop" and release["config"] == {"password": "p"}
    listed = helm.server.call("GET", f"/api/v1/namespaces/{helm.namespace}/secrets?labelSelector=owner%3Dhelm%2Cname%3Dshop&fieldSelector=type%3Dhelm.sh%2Frelease.v1")
    assert [item["metadata"]["name"] for item in listed["items"]] == ["sh.helm.release.v1.shop.v1"]
    helm.run("uninstall", "shop", "--keep-history")
    assert helm.get("secrets/sh.helm.release.v1.shop.v1")["metadata"]["labels"]["status"] == "uninstalled"
    helm.run("uninstall", "shop", "--ignore-not-found")


def test_a_refused_upgrade_fails_and_can_be_mended(helm):
    helm.run("install", "shop", "chart")
    done = helm.run("upgrade", "shop", "chart", "--set", "replicas=-1", check=False)
    assert done.returncode == 1 and "spec.replicas: Invalid value: -1: must be greater than or equal to 0" in done.stderr
    done = helm.run("upgrade", "shop", "chart", "--set", "widget=-1", check=False)
    assert done.returncode == 1 and "spec.size in body should be greater than or equal to 1" in done.stderr
    assert helm.get("deployments/shop", "apps/v1")["spec"]["replicas"] == 2
    assert [row["status"] for row in helm.json("history", "shop")] == ["deployed", "failed", "failed"]
    helm.run("upgrade", "shop", "chart", "--set", "replicas=5")
    assert helm.get("deployments/shop", "apps/v1")["spec"]["replicas"] == 5


def test_what_another_made_is_not_taken(helm):
    helm.server.call("POST", f"/api/v1/namespaces/{helm.namespace}/secrets", harness.secret("shop", {"password": "theirs"}))
    done = helm.run("install", "shop", "chart", check=False)
    assert done.returncode == 1 and 'Secret "shop"' in done.stderr and "cannot be imported into the current release" in done.stderr
    assert helm.get("secrets/shop")["data"] == {"password": harness.b64("theirs")}
    helm.run("install", "shop", "chart", "--take-ownership")
    assert helm.get("secrets/shop")["data"]["password"] == harness.b64("changeme")


def test_template_validate_and_dry_run(helm):
    text = helm.run("template", "shop", "chart", "--validate", "--skip-tests", "--set", "autoscaling=true").stdout
    assert "kind: HorizontalPodAutoscaler" in text
    helm.run("install", "shop", "chart", "--dry-run=server")
    assert helm.get("secrets/shop") == 404 and helm.json("list", "-a") == []
    bad = helm.chart / "templates" / "bad.yaml"
    bad.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\nbogus: 1\n")
    assert 'unknown field \\"bogus\\"' in helm.run("install", "shop", "chart").stderr, "a warning is passed on"
