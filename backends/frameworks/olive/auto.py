"""Olive's own choice of passes for a model, device and precision, as a workflow to be read before it runs.

``olive auto-opt --dry_run`` writes what it would do. What is in it is held to the rules an edited workflow
is held to, and passes whose packages are not installed are left out, in words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from backends.domain.errors import BadInput, JobFailed
from backends.domain.model import ModelFormat
from backends.frameworks.base import OptimizeRequest
from backends.frameworks.olive import checking, workflows
from backends.frameworks.olive.catalogue import Pass

PRECISIONS = {"INT4": "int4", "INT8": "int8", "INT8_DYNAMIC": "int8", "FP16": "fp16", "FP32": "fp32"}
CONFIG = "config.json"
# They serve adapters or splitting; on a whole model they do nothing, or leave several files.
LEFT_OUT = ("extractadapters", "splitmodel", "capturesplitinfo")


def arguments(request: OptimizeRequest, device: str, out: Path) -> list[str]:
    """The command. Raises BadInput for a precision that Olive cannot choose for."""
    precision = PRECISIONS.get(request.precision.upper())
    if precision is None:
        names = ", ".join(PRECISIONS)
        raise BadInput(f"Olive chooses no passes for {request.precision}.", f"Take one of: {names}.")
    words = ["auto-opt", "--model_name_or_path", str(request.source.resolve()), "--device", device]
    words += ["--provider", "CPUExecutionProvider", "--precision", precision]
    if request.source_format is ModelFormat.HUGGING_FACE:
        words += ["--use_model_builder"]
    return [*words, "--output_path", str(out), "--dry_run", "--disable_telemetry"]


def read(out: Path, passes: Sequence[Pass]) -> tuple[workflows.Workflow, tuple[str, ...]]:
    """The workflow, and a sentence for each pass that was left out. Raises JobFailed where there is none."""
    try:
        found = json.loads((out / CONFIG).read_text(encoding="utf-8"))
        chosen, model = dict(found["passes"]), {"type": found["input_model"]["type"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobFailed(f"Olive chose nothing that can be read: {error}.") from error
    lacking = {one.name.lower(): one.lacking for one in passes if one.lacking}
    kept, notes = {}, []
    for name, one in chosen.items():
        kind = str(one["type"]).lower()
        if kind in lacking:
            notes.append(f"{one['type']} is left out: {', '.join(lacking[kind])} is not installed.")
        elif kind not in LEFT_OUT:
            kept[name] = one
    text = json.dumps({**workflows.base(kept, workflows.ONNX), "input_model": model})
    return checking.parsed(text, "Olive's own workflow"), tuple(notes)
