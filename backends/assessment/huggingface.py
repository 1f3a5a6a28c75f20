"""A Hugging Face folder: ``config.json``, safetensors, tokenizer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from backends.assessment import packed
from backends.assessment.checkpoint import Checkpoint, check_embedding, load
from backends.assessment.counting import Weight, label, tally
from backends.assessment.facts import (
    CODE_IS_NOT_RUN,
    CONFIG,
    architecture,
    is_multimodal,
    kind,
    refuse_what_is_no_decoder,
)
from backends.assessment.folder import model_name
from backends.assessment.images import processor_in
from backends.assessment.licence import licence_in
from backends.domain.errors import BadInput
from backends.domain.model import SHAPE_ONLY_KEY, ModelFormat, ModelKind, ModelProfile, TensorSpec
from backends.domain.preprocessing import PIXELS, image_shape


def read(folder: Path) -> ModelProfile:
    """The profile of a Hugging Face model folder. Raises BadInput."""
    checkpoint = load(folder)
    refuse_what_is_no_decoder(checkpoint.config, folder / CONFIG)
    quantization = checkpoint.config.get("quantization_config")
    quantization = quantization if isinstance(quantization, dict) else {}
    if not quantization:
        check_embedding(checkpoint)
    weights = packed.weights(checkpoint.tensors, quantization, folder / CONFIG)
    warnings: tuple[str, ...] = ()
    if quantization:
        method = packed.method(quantization) or "a quantizer"
        warnings = (f"It is already quantized by {method}: quantizing it again loses more.",)
    found = profile(checkpoint, ModelFormat.HUGGING_FACE, weights, warnings)
    return replace(found, inputs=_image(checkpoint)) if found.kind is ModelKind.VISION else found


def _image(checkpoint: Checkpoint) -> tuple[TensorSpec]:
    """What the graph that is made of it takes."""
    shape = image_shape(checkpoint.config, processor_in(checkpoint.folder))
    return (TensorSpec(PIXELS, "float32", ("batch", *shape)),)


def profile(
    checkpoint: Checkpoint, form: ModelFormat, weights: Iterable[Weight], warnings: tuple[str, ...] = ()
) -> ModelProfile:
    """A profile out of a checkpoint and its counted weights. Raises BadInput where there are none."""
    weights = list(weights)
    contents = tally(weights)
    if not contents.parameters:
        raise BadInput(f"{checkpoint.folder} holds no weights.", "Download its safetensors files again.")
    does = kind(checkpoint.config)
    if does is ModelKind.LANGUAGE and not checkpoint.tokenizer.kind:
        warnings += ("It has no tokenizer.",)
    if checkpoint.brings_code:
        warnings += (CODE_IS_NOT_RUN,)
    return ModelProfile(
        path=checkpoint.folder,
        format=form,
        kind=does,
        architecture=architecture(checkpoint.config),
        name=model_name(checkpoint.folder),
        size_bytes=checkpoint.size_bytes,
        contents=contents,
        precision=label(weights),
        multimodal=is_multimodal(checkpoint.config),
        tokenizer=checkpoint.tokenizer.kind,
        licence=licence_in(checkpoint.folder),
        files=checkpoint.files,
        warnings=warnings,
        shape_only=SHAPE_ONLY_KEY in checkpoint.config or SHAPE_ONLY_KEY in checkpoint.metadata,
        **checkpoint.facts,
    )
