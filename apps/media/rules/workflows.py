"""Workflow templates: a ComfyUI graph (API format) with named slots, and the only nodes that a graph may have.

A template is a file `data/workflows/<name>.json`: {"name", "version", "slots": {slot: [node, input]}, "graph"}. Nodes
that read an image, a folder or an address are not in the list of allowed ones: no picture of a patient can be sent.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "data" / "workflows"
NODES = frozenset(
    {"CheckpointLoaderSimple", "CLIPTextEncode", "EmptyLatentImage", "KSampler", "VAEDecode", "SaveImage"}
)
SLOTS: dict[str, type] = {
    "positive": str, "negative": str, "seed": int, "width": int, "height": int, "checkpoint": str, "prefix": str,
}  # fmt: skip


@dataclass(frozen=True)
class Workflow:
    """`slots` maps a slot to (node id, name of the node's input)."""

    name: str
    version: str
    slots: Mapping[str, tuple[str, str]]
    graph: Mapping[str, Any]

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"

    def filled(self, values: Mapping[str, str | int]) -> dict[str, Any]:
        """The graph with every slot filled. Raises `ValueError` for a slot that is missing, unknown or of another type."""
        if values.keys() != self.slots.keys():
            raise ValueError(f"slots are {sorted(self.slots)}, not {sorted(values)}")
        graph: dict[str, Any] = copy.deepcopy(dict(self.graph))
        for slot, (node, name) in self.slots.items():
            if type(values[slot]) is not SLOTS[slot]:
                raise ValueError(f"slot {slot} must be {SLOTS[slot].__name__}")
            graph[node]["inputs"][name] = values[slot]
        return graph


def parse(text: str) -> Workflow:
    """A template out of its file; raises `ValueError` naming what is wrong with it."""
    given = json.loads(text)
    workflow = Workflow(
        name=str(given["name"]), version=str(given["version"]),
        slots={slot: (str(at[0]), str(at[1])) for slot, at in given["slots"].items()}, graph=given["graph"],
    )  # fmt: skip
    if workflow.slots.keys() != SLOTS.keys():
        raise ValueError(f"{workflow.name}: the slots must be {sorted(SLOTS)}")
    for number, node in workflow.graph.items():
        if node["class_type"] not in NODES:
            raise ValueError(f"{workflow.name}: node {number} is a {node['class_type']}, which is not allowed")
        for name, value in node["inputs"].items():
            if isinstance(value, list) and str(value[0]) not in workflow.graph:
                raise ValueError(f"{workflow.name}: input {name} of node {number} leads nowhere")
    for slot, (number, name) in workflow.slots.items():
        if name not in workflow.graph.get(number, {"inputs": {}})["inputs"]:
            raise ValueError(f"{workflow.name}: slot {slot} leads nowhere")
    if sum(node["class_type"] == "SaveImage" for node in workflow.graph.values()) != 1:
        raise ValueError(f"{workflow.name}: exactly one SaveImage is needed")
    return workflow


@cache
def named(name: str) -> Workflow:
    """Raises `KeyError` for a template that is not there."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name) or not (FOLDER / f"{name}.json").is_file():
        raise KeyError(name)
    return parse((FOLDER / f"{name}.json").read_text("utf-8"))
