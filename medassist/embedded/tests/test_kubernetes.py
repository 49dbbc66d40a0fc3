"""The Kubernetes objects against the product and against rules of their own; no cluster is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from medassist.embedded.tests.test_compose import known_variables

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docker" / "kubernetes"


def objects(folder: Path) -> list[dict[str, Any]]:
    """Everything that a kustomization names, files and folders, before its patches."""
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(listed) <= {"apiVersion", "kind", "namespace", "resources", "patches"}
    found: list[dict[str, Any]] = []
    for name in listed["resources"]:
        place = (folder / name).resolve()
        found += objects(place) if place.is_dir() else list(yaml.safe_load_all(place.read_text()))
    return found


ALL = objects(FOLDER / "overlays" / "media")
PODS = {one["metadata"]["name"]: one for one in ALL if one["kind"] in {"Deployment", "Job"}}
OURS = {name: one for name, one in PODS.items() if name != "comfyui"}


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [one for one in ALL if one["kind"] == kind]


def container(name: str) -> dict[str, Any]:
    found: dict[str, Any] = PODS[name]["spec"]["template"]["spec"]["containers"][0]
    return found


def test_no_object_is_there_twice() -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in ALL]
    assert len(names) == len(set(names)) >= 25


def test_whatever_selects_selects_a_pod_and_whatever_scales_a_deployment() -> None:
    labels = {name: one["spec"]["template"]["metadata"]["labels"] for name, one in PODS.items()}
    for name, one in PODS.items():
        if one["kind"] == "Deployment":
            assert one["spec"]["selector"]["matchLabels"].items() <= labels[name].items()
    for one in (*of_kind("Service"), *of_kind("PodDisruptionBudget"), *of_kind("NetworkPolicy")):
        spec = one["spec"]
        wanted = spec.get("podSelector", spec.get("selector", {}))
        wanted = wanted.get("matchLabels", wanted)
        assert any(wanted.items() <= each.items() for each in labels.values()), one["metadata"]["name"]
    for one in (*of_kind("HorizontalPodAutoscaler"), *of_kind("ScaledObject")):
        assert PODS[one["spec"]["scaleTargetRef"]["name"]]["kind"] == "Deployment"


@pytest.mark.parametrize("name", OURS)
def test_our_pods_are_closed_bounded_and_start_what_the_entrypoint_knows(name: str) -> None:
    spec, one = OURS[name]["spec"]["template"]["spec"], container(name)
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["automountServiceAccountToken"] is False
    assert one["securityContext"]["readOnlyRootFilesystem"]
    assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} <= one["resources"]["requests"].keys()
    assert "memory" in one["resources"]["limits"]
    assert re.search(rf"^{one['args'][0]}\)$", (ROOT / "docker/entrypoint.sh").read_text(), re.MULTILINE)
    assert "livenessProbe" in one or name in {"beat", "migrate"}


def test_the_settings_are_the_products_and_secrets_are_files() -> None:
    (config,) = of_kind("ConfigMap")
    listed = yaml.safe_load((FOLDER / "overlays/media/kustomization.yaml").read_text())
    added = {change["path"].removeprefix("/data/") for change in yaml.safe_load(listed["patches"][0]["patch"])}
    assert {name.removesuffix("_FILE") for name in {*config["data"], *added}} <= known_variables()
    for name, value in config["data"].items():
        if re.search(r"PASSWORD|SECRET|TOKEN|_KEYS?($|_)|DATABASE_URL|REDIS_URL", name):
            assert name.endswith("_FILE")
            assert value.startswith("/run/medassist/")


def test_each_worker_has_a_queue_of_its_own_and_scales_on_its_backlog() -> None:
    queues = {name: container(name)["args"][1] for name in PODS if name.startswith("worker-")}
    assert queues == {"worker-llm": "llm", "worker-ingest": "ingest", "worker-hooks": "hooks", "worker-media": "media"}
    metrics = (ROOT / "medassist/web/metrics.py").read_text()
    scaled = {one["spec"]["scaleTargetRef"]["name"]: one["spec"]["triggers"] for one in of_kind("ScaledObject")}
    assert scaled.keys() == queues.keys()
    for name, triggers in scaled.items():
        for trigger in triggers:
            query = trigger["metadata"]["query"]
            assert f'queue="{queues[name]}"' in query
            assert all(f'"{metric}"' in metrics for metric in re.findall(r"medassist_\w+", query))
    # Age and depth of what waits.
    assert all(len(triggers) == 2 for triggers in scaled.values())


def test_comfyui_stands_alone_on_its_pool_and_only_its_worker_reaches_it() -> None:
    spec = PODS["comfyui"]["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"medassist/pool": "media"}
    assert spec["tolerations"][0]["value"] == "media"
    (policy,) = (one for one in of_kind("NetworkPolicy") if one["metadata"]["name"] == "to-comfyui")
    sources = [place["podSelector"]["matchLabels"] for rule in policy["spec"]["ingress"] for place in rule["from"]]
    assert sources == [{"app.kubernetes.io/name": "worker-media"}]
    assert policy["spec"]["egress"] == []
