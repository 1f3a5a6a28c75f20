"""Which precisions of a framework are worth a place in the ranking, and which are only offered."""

from __future__ import annotations

from backends.domain.model import ModelProfile
from backends.frameworks.base import Manifest, PrecisionSpec

ORIGINAL = "original"  # the family of precisions that do not quantize
WHOLE_BITS = 16  # per weight: with fewer a model is quantized


def worthwhile(spec: PrecisionSpec, model: ModelProfile) -> bool:
    """Smaller than what the model has now; the original itself is measured anyway."""
    return model.kind in spec.kinds and spec.family != ORIGINAL and spec.bits < model.contents.bits_per_weight


def is_unquantized(manifest: Manifest, spec: PrecisionSpec, model: ModelProfile) -> bool:
    """The same weights in the framework's own format, where they are whole and not stored so already."""
    there = manifest.makes == model.format and spec.name.upper() == model.precision.upper()
    whole = model.contents.bits_per_weight >= WHOLE_BITS
    return model.kind in spec.kinds and spec.family == ORIGINAL and whole and not there
