"""Adding up weights into what a file really contains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from backends.assessment.folder import damaged
from backends.domain.model import TensorContents

OVERHEAD = ""  # the type of scales and zero points: bytes that hold no weight of their own
_MOST_DIMENSIONS = 64
_SMALL_SHARE = 0.05


@dataclass(frozen=True)
class Weight:
    """One tensor: the precision its elements really have, how many there are, and what they take up."""

    type: str
    elements: int
    nbytes: int


def overhead(nbytes: int) -> Weight:
    """Scales, zero points, group indices: counted in bytes, not in parameters."""
    return Weight(OVERHEAD, 0, nbytes)


def tally(weights: Iterable[Weight]) -> TensorContents:
    """Types and parameters of the weights; bytes and bits per weight with their scales and zero points."""
    weights = list(weights)
    parameters = sum(w.elements for w in weights)
    weight_bytes = sum(w.nbytes for w in weights)
    types = Counter(w.type for w in weights if w.type != OVERHEAD)
    bits = 8 * weight_bytes / parameters if parameters else 0.0
    return TensorContents(dict(sorted(types.items())), parameters, weight_bytes, bits)


def label(weights: Iterable[Weight]) -> str:
    """The precision in words: "INT4 block 32 + FP32". Types with under 5 % of the elements are left out.

    Signed or not is no matter of precision: UINT8 with a zero point is what everybody calls INT8.
    """
    elements: Counter[str] = Counter()
    for weight in weights:
        elements[weight.type.replace("UINT", "INT")] += weight.elements
    total = elements.total()
    shown = [name for name, count in elements.most_common() if name and count > _SMALL_SHARE * total]
    return " + ".join(shown)


def element_count(shape: Sequence[int], path: Path, name: str) -> int:
    """Product of ``shape``. Raises BadInput for a negative, overlong or impossible shape."""
    if len(shape) > _MOST_DIMENSIONS or any(n < 0 for n in shape):
        raise damaged(path, f"tensor {name!r} has an impossible shape")
    count = prod(shape)
    if count >= 2**63:
        raise damaged(path, f"tensor {name!r} would have more elements than fit any memory")
    return count


def packed_bytes(elements: int, bits: int) -> int:
    """Bytes of ``elements`` values of ``bits`` bits each, packed without gaps."""
    return (elements * bits + 7) // 8
