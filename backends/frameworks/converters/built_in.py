"""Hugging Face folders that are no decoders of text, opened by Transformers' own class for them.

What they take is told by the class: pictures (``pixel_values``) or token ids (``input_ids`` with what goes
beside them). For worker processes only.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Progress
from backends.domain.preprocessing import PIXELS, PROCESSOR, image_shape
from backends.frameworks.base import JobContext
from backends.frameworks.converters.base import Outputs, OutputsRequest
from backends.frameworks.converters.reference import RAISED, reason_of, refusal
from backends.frameworks.converters.running import OFFLINE
from backends.frameworks.generation import physical_cores

IDS = "input_ids"
BATCH = 2  # of an example; one alone would be taken for a constant
TOKENS = 16  # of an example, where the model takes so many
NAMES_SHOWN = 3  # names of missing weights in an error


@dataclass(frozen=True)
class BuiltIn:
    """``inputs``: an example, by name. ``open_axes``: input → axis → what it counts."""

    model: Any  # transformers.PreTrainedModel, in FP32
    inputs: Mapping[str, Any]
    open_axes: Mapping[str, Mapping[int, str]]
    outputs: tuple[str, ...]


def open_built_in(folder: Path) -> BuiltIn:
    """Raises BadInput for what Transformers has no class for, or takes other inputs; else JobFailed."""
    os.environ.update(OFFLINE)
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(physical_cores())
    try:
        model = _model(folder, torch, transformers)
        inputs, axes = _example(model, folder, torch)
        with torch.inference_mode():
            answer = model(**inputs)
    except RAISED as error:
        raise refusal(folder, error) from error
    outputs = tuple(name for name, value in answer.items() if isinstance(value, torch.Tensor))
    return BuiltIn(model, inputs, axes, outputs)


def outputs(request: OutputsRequest, job: JobContext) -> Outputs:
    """Raises as :func:`open_built_in`."""
    opened = open_built_in(request.source)
    import torch
    import transformers

    job.emit(Progress(None, "Running the source model"))
    with np.load(request.inputs, allow_pickle=False) as archive:
        tensors = {name: torch.from_numpy(archive[name]) for name in archive.files}
    try:
        with torch.inference_mode():
            answer = opened.model(**tensors)
    except RAISED as error:
        raise JobFailed(
            f"“{request.source.name}” answers nothing on fixed inputs: {reason_of(error)}.",
            "It may take other sizes than its files tell; export it to ONNX where it was made.",
            str(error),
        ) from error
    path = request.output / "outputs-source.npz"
    arrays: dict[str, Any] = {name: answer[name].float().numpy() for name in opened.outputs}
    np.savez(path, allow_pickle=False, **arrays)
    return Outputs(path, transformers.__version__)


def _model(folder: Path, torch: Any, transformers: Any) -> Any:
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    named = (config.architectures or [""])[0]
    found: Any = getattr(transformers, named, None)
    is_model = isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)
    if not is_model:
        raise BadInput(
            f"Transformers has no class “{named}” for this model built in.",
            "Export it to ONNX where it was made, and take that.",
        )
    model, told = found.from_pretrained(
        folder,
        dtype=torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
    )
    _refuse_drawn_weights(folder, named, sorted(told["missing_keys"]))
    return model.eval()


def _refuse_drawn_weights(folder: Path, named: str, missing: list[str]) -> None:
    """Transformers draws what a file lacks at random and goes on."""
    if missing:
        names = ", ".join(missing[:NAMES_SHOWN]) + (" and more" if len(missing) > NAMES_SHOWN else "")
        raise BadInput(
            f"“{folder.name}” says it is a {named}, and lacks weights that this one has: {names}.",
            "Download the model again, or correct “architectures” in its config.json.",
        )


def _example(model: Any, folder: Path, torch: Any) -> tuple[dict[str, Any], dict[str, dict[int, str]]]:
    main = model.main_input_name
    if main == PIXELS:
        shape = image_shape(model.config.to_dict(), _processor(folder))
        return {PIXELS: torch.rand(BATCH, *shape)}, {PIXELS: {0: "batch"}}
    if main == IDS:
        names = _beside_ids(model)
        length = min(TOKENS, getattr(model.config, "max_position_embeddings", None) or TOKENS)
        values = {
            name: torch.ones if name == "attention_mask" else torch.zeros for name in names if name != IDS
        }
        inputs = {name: make(BATCH, length, dtype=torch.long) for name, make in values.items()}
        ids = torch.arange(BATCH * length).reshape(BATCH, length) % model.config.vocab_size
        return {IDS: ids, **inputs}, {name: {0: "batch", 1: "sequence"} for name in names}
    raise BadInput(
        f"A {type(model).__name__} takes “{main}”; images and token ids are what can be given here.",
        "Export it to ONNX where it was made, and take that with an .npz of its inputs.",
    )


def _beside_ids(model: Any) -> tuple[str, ...]:
    """Kinds of token are an input only of models that have more than one."""
    taken = inspect.signature(model.forward).parameters
    kinds = (getattr(model.config, "type_vocab_size", 0) or 0) > 1
    wanted = (IDS, "attention_mask", *(["token_type_ids"] if kinds else []))
    return tuple(name for name in wanted if name in taken)


def _processor(folder: Path) -> dict[str, Any] | None:
    path = folder / PROCESSOR
    told = json.loads(path.read_bytes()) if path.is_file() else None
    return told if isinstance(told, dict) else None
