"""What adapters say in the same words about a model they made, or cannot make."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from backends.domain.artifact import Artifact, Option
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, TensorContents
from backends.frameworks.base import OptimizeRequest

UNREAD = TensorContents({}, 0, 0, 0.0)  # the caller reads back from the file what is really in it


def made_of(
    request: OptimizeRequest,
    framework: str,
    form: ModelFormat,
    path: Path,
    began_s: float,
    *,
    size_bytes: int,
    warnings: tuple[str, ...],
    options: Mapping[str, Option],
    versions: Mapping[str, str],
) -> Artifact:
    """The artifact that answers ``request``. ``began_s``: on the clock of ``time.perf_counter``."""
    return Artifact(
        name=request.name or request.source.stem,
        framework=framework,
        precision=request.precision,
        format=form,
        kind=request.kind,
        path=path,
        size_bytes=size_bytes,
        contents=UNREAD,
        source=request.source,
        warnings=warnings,
        options=options,
        versions=versions,
        took_s=time.perf_counter() - began_s,
    )


def no_recipe(title: str, request: OptimizeRequest) -> BadInput:
    """For a precision that a framework does not have for this kind of model."""
    return BadInput(
        f"{title} has no precision “{request.precision}” for {request.kind} models.",
        "Run “edgewright frameworks” for those it has.",
    )


def why_not_smaller(quantized: int, before: int, after: int, nothing: str, grown: str) -> tuple[str, ...]:
    """A sentence where a quantization did nothing, or made the file bigger: with the reason for it.

    ``quantized``: how many operators were; ``before`` and ``after`` in bytes.
    """
    if not quantized:
        return (f"Nothing was quantized: {nothing}.",)
    if after < before:
        return ()
    return (f"The file grew from {before / 1000:.0f} kB to {after / 1000:.0f} kB: {grown}.",)
