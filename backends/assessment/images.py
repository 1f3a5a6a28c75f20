"""How pictures become a model's input, where the image processor of a Hugging Face model says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backends.assessment.folder import inside, read_json
from backends.domain.model import ModelKind, ModelProfile, TensorSpec
from backends.domain.preprocessing import PROCESSOR, Preprocessing, told_by


def processor_in(folder: Path) -> dict[str, Any] | None:
    """Its configuration; ``None`` where there is none. Raises BadInput where it is damaged."""
    path = folder / PROCESSOR
    return read_json(inside(folder, PROCESSOR, path)) if path.is_file() else None


def preprocessing_beside(profile: ModelProfile) -> Preprocessing | None:
    """``None`` without a processor, and where it is another model's. Raises BadInput where it is damaged."""
    if profile.kind is not ModelKind.VISION:
        return None
    processor = processor_in(profile.path if profile.path.is_dir() else profile.path.parent)
    found = told_by(processor) if processor else None
    return found if found and all(_fits(found, spec) for spec in profile.inputs[:1]) else None


def _fits(found: Preprocessing, spec: TensorSpec) -> bool:
    wanted = (found.channels, found.height, found.width)
    given = spec.shape[1:]
    return len(given) == 3 and all(
        size == asked or not isinstance(size, int) or size <= 0
        for size, asked in zip(given, wanted, strict=True)
    )
