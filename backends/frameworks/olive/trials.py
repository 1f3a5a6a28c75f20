"""What a search has tried, from the footprint Olive leaves; and which trial is the one to keep."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backends.domain.artifact import Option
from backends.domain.errors import JobFailed
from backends.domain.trial import ORIGINAL, Trial

FILE = "footprint.json"
# Olive's names of metrics (metric and sub-metric) as they are shown.
METRICS = {
    "accuracy-accuracy_score": "accuracy",
    "latency-p50": "latency_ms",
    "language-perplexity": "perplexity",
    "size-bytes": "size_bytes",
}
# By Olive's names of passes, as its footprint has them. "": as many bits as the setting says.
PRECISIONS = {
    "onnxdynamicquantization": "INT8_DYNAMIC",
    "onnxstaticquantization": "INT8_STATIC",
    "onnxfloattofloat16": "FP16",
    "onnxkquantquantization": "",
    "onnxhqqquantization": "INT4",
    "onnxblockwisertnquantization": "INT4",
}
Node = Mapping[str, Any]


@dataclass(frozen=True)
class Tried:
    """A trial and the model it left; ``None`` where it left none."""

    trial: Trial
    model: Path | None
    precision: str = ""  # as the manifest names it, where its passes tell


def read(made: Path, types: Sequence[str] = ()) -> tuple[Tried, ...]:
    """The original first. ``types``: names of passes as they are written; the footprint has small letters.

    Raises JobFailed where there is no footprint that can be read.
    """
    names = {name.lower(): name for name in types}
    try:
        nodes: Mapping[str, Node] = json.loads((made / FILE).read_text(encoding="utf-8"))
        parents = {node["parent_model_id"] for node in nodes.values()}
        ends = [node for name, node in nodes.items() if name not in parents or _measured(node)]
        found = [_tried(node, nodes, names) for node in ends]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise JobFailed(f"The search left no record that can be read: {error}.") from error
    return _named(found)


def choose(tried: Sequence[Tried], max_drop: float) -> tuple[Tried, ...]:
    """The same with the quickest marked of those that stay within ``max_drop`` of the original's quality.

    Raises JobFailed where none does: the drop that would have sufficed is in the sentence.
    """
    original = next((one.trial for one in tried if one.trial.name == ORIGINAL), None)
    made = [one for one in tried if one.trial.name != ORIGINAL and one.model and not one.trial.failure]
    if not made:
        raise JobFailed("None of the candidates could be made and measured.", "The details say why.")
    drops = {id(one): drop(one.trial, original) for one in made}
    good = [one for one in made if drops[id(one)] <= max_drop]
    if not good:
        least = min(drops.values())
        raise JobFailed(
            f"No candidate stays within {max_drop:.1%} of the original's quality; "
            f"the best loses {least:.1%}.",
            "Allow a larger drop, or another precision.",
        )
    best = min(good, key=lambda one: one.trial.metrics.get("latency_ms", 0.0))
    return tuple(replace(one, trial=replace(one.trial, chosen=one is best)) for one in tried)


def drop(trial: Trial, original: Trial | None) -> float:
    """Share of quality lost against the original: of accuracy, or of 1 / perplexity. Negative: it gained."""
    if original is None:
        return 0.0
    if "accuracy" in trial.metrics:
        before = original.metrics["accuracy"]
        return 1 - trial.metrics["accuracy"] / before if before else 0.0
    if "perplexity" in trial.metrics:
        return 1 - original.metrics["perplexity"] / trial.metrics["perplexity"]
    return 0.0


def _tried(node: Node, nodes: Mapping[str, Node], names: Mapping[str, str]) -> Tried:
    chain = list(_chain(node, nodes))
    settings: dict[str, Option] = {}
    for one in chain:
        plain = one["pass_run_config"] or {}
        settings |= {key: value for key, value in plain.items() if isinstance(value, (str, int, float))}
    plain_names = [str(one["from_pass"]).lower() for one in chain]
    passes = tuple(names.get(name, name) for name in plain_names)
    config = (node["model_config_data"] or {}).get("config", {})
    measured = _measured(node)
    trial = Trial(
        " → ".join(passes) or ORIGINAL,
        passes,
        settings,
        measured,
        failure="" if measured else "It could not be made, or not be measured.",
    )
    path = Path(config["model_path"]) if config.get("model_path") else None
    return Tried(trial, path, _precision(plain_names, settings))


def _precision(passes: Sequence[str], settings: Mapping[str, Option]) -> str:
    """Of the last pass that changes it."""
    for name in reversed(passes):
        if name in PRECISIONS:
            return PRECISIONS[name] or f"INT{settings.get('bits', 4)}"
    return ""


def _chain(node: Node, nodes: Mapping[str, Node]) -> Iterator[Node]:
    """The passes that led to it, the first first."""
    if node["from_pass"]:
        yield from _chain(nodes[node["parent_model_id"]], nodes)
        yield node


def _measured(node: Node) -> dict[str, float]:
    values = ((node["metrics"] or {}).get("value")) or {}
    return {METRICS[name]: float(found["value"]) for name, found in values.items() if name in METRICS}


def _named(found: Sequence[Tried]) -> tuple[Tried, ...]:
    """Each with the settings that tell it from those with the same passes."""
    named = []
    for one in found:
        siblings = [other.trial for other in found if other.trial.passes == one.trial.passes]
        differing = {
            key: value
            for key, value in one.trial.settings.items()
            if any(other.settings.get(key) != value for other in siblings)
        }
        words = ", ".join(f"{key} {value}" for key, value in sorted(differing.items()))
        name = f"{one.trial.name} ({words})" if words else one.trial.name
        named.append(replace(one, trial=replace(one.trial, name=name, settings=differing)))
    return tuple(named)
