"""MLX: quantization and running of language models, on Metal or, elsewhere, on the processor."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm import __version__ as mlx_lm_version
from mlx_lm.convert import mixed_quant_predicate_builder
from mlx_lm.utils import quantize_model

from backends.domain.artifact import Artifact, LoadOptions
from backends.domain.errors import BadInput
from backends.domain.events import Progress, Started
from backends.domain.finetuning import FineTuned
from backends.domain.hardware import HardwareProfile
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.frameworks.base import Availability, FinetuneRequest, JobContext, OptimizeRequest
from backends.frameworks.files import folder_bytes
from backends.frameworks.mlx.finetuning import FinetuneRun
from backends.frameworks.mlx.folders import cast, device, load, save
from backends.frameworks.mlx.recipes import Recipe
from backends.frameworks.mlx.session import MlxSession
from backends.frameworks.tokenizers import load_tokenizer

NAME = "mlx"
IN_FP32 = (
    "Scales and unquantized weights are FP32 in memory: 16-bit floats are many times slower on processors"
)


class MlxAdapter:
    def probe(self, hardware: HardwareProfile | None) -> Availability:
        return Availability(NAME, True, mlx_lm_version, (device(),))

    def optimize(self, request: OptimizeRequest, job: JobContext) -> Artifact:
        """Raises BadInput for a folder that MLX cannot read, or an option it does not have."""
        recipe = Recipe.read(request.precision, request.options)
        began = time.perf_counter()
        job.emit(Started(f"Making {request.precision} for MLX"))
        model, config = load(request.source, lazy=True)
        if "quantization" in config:
            raise BadInput(
                f"“{request.source}” is quantized already.", "Start from the folder it was made from."
            )
        job.check_cancelled()
        if recipe.dtype:
            cast(model, getattr(mx, recipe.dtype))
            config["dtype"] = recipe.dtype
        warnings: tuple[str, ...] = ()
        if recipe.quantizes:
            model, config = _quantize(model, config, recipe)
            warnings = _left(model)
        _compute(model, job)
        save(model, config, request.source, request.output)
        return Artifact(
            name=request.name or request.source.name,
            framework=NAME,
            precision=request.precision,
            # Without quantization the folder is what it was: an ordinary Hugging Face folder.
            format=ModelFormat.MLX if recipe.quantizes else ModelFormat.HUGGING_FACE,
            kind=ModelKind.LANGUAGE,
            path=request.output,
            size_bytes=folder_bytes(request.output),
            contents=TensorContents({}, 0, 0, 0.0),
            source=request.source,
            warnings=warnings,
            options=recipe.recorded(),
            versions={"mlx": mx.__version__, "mlx-lm": mlx_lm_version},
            took_s=time.perf_counter() - began,
        )

    def finetune(self, request: FinetuneRequest, job: JobContext) -> FineTuned:
        """Raises BadInput for data or settings it cannot train with, JobFailed where the loss runs away."""
        return FinetuneRun(request, job).go()

    @contextmanager
    def open(self, artifact: Artifact, options: LoadOptions) -> Iterator[MlxSession]:
        if options.device not in ("CPU", "Metal", device()):
            raise BadInput(f"MLX has no device “{options.device}”.", f"Here it has {device()}.")
        mx.reset_peak_memory()
        model, config = load(artifact.path, lazy=False)
        quantization = config.get("quantization")
        details: tuple[str, ...] = (
            f"MLX {mx.__version__} on {device()}",
            f"Quantization: {_words(quantization)}",
        )
        if device() == "CPU" and cast(model, mx.float32):
            details += (IN_FP32,)
        bos = config.get("bos_token_id")
        tokenize = partial(load_tokenizer, (artifact.path, artifact.source), artifact.options)
        yield MlxSession(model, options.context, bos if isinstance(bos, int) else None, tokenize, details)
        mx.clear_cache()


def _quantize(model: Any, config: dict[str, Any], recipe: Recipe) -> tuple[Any, dict[str, Any]]:
    predicate = None
    if recipe.mixed:
        try:
            predicate = mixed_quant_predicate_builder(recipe.mixed, model, recipe.group_size)
        except ValueError as error:
            raise BadInput(
                f"The recipe {recipe.mixed} does not suit this architecture: {error}", "Choose 4bit or 8bit."
            ) from error
    made: tuple[Any, dict[str, Any]] = quantize_model(
        model, config, recipe.group_size, recipe.bits or None, quant_predicate=predicate
    )
    return made


def _left(model: Any) -> tuple[str, ...]:
    """A sentence on layers whose rows are no multiple of the group: they stay as they were."""
    could = [name for name, layer in model.named_modules() if hasattr(layer, "to_quantized")]
    done = sum(1 for _, layer in model.named_modules() if hasattr(layer, "scales"))
    if not could:
        return ()
    if not done:
        return ("Nothing was quantized: no layer's rows are a multiple of the group size.",)
    return (
        f"{len(could)} of {len(could) + done} layers stayed floating point: their rows are no multiple of "
        f"the group size (the first is {could[0]}).",
    )


def _compute(model: Any, job: JobContext) -> None:
    """Everything so far was a plan; compute it array by array, so that a cancel is heard in between."""
    arrays = tree_flatten(model.parameters())
    for done, (name, array) in enumerate(arrays):
        job.check_cancelled()
        job.emit(Progress(0.95 * done / len(arrays), f"Computing {name}"))
        mx.eval(array)


def _words(quantization: Any) -> str:
    if not isinstance(quantization, dict):
        return "none"
    bits, group = quantization.get("bits"), quantization.get("group_size")
    own = sorted({json.dumps(v.get("bits")) for v in quantization.values() if isinstance(v, dict)})
    return f"{bits} bits in groups of {group}" + (f", some layers {' and '.join(own)}" if own else "")


ADAPTER = MlxAdapter()
