"""Arrays for a model's named inputs: those of one inference, and calibration samples from an .npz file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.domain.errors import BadInput
from backends.domain.events import Progress
from backends.domain.model import TensorSpec
from backends.frameworks.base import JobContext

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

ANY_INPUT = ("images", "image", "input", "inputs", "x")  # names that stand for a model's only input
LABELS = ("labels", "label", "y")
DEFAULT_SAMPLES = 300
SEED = 0  # of the draw that parts samples


@dataclass(frozen=True)
class Samples:
    """Arrays under the model's own input names, and the labels where the file has them."""

    arrays: Mapping[str, NDArray[np.generic]]
    labels: NDArray[np.generic] | None
    path: Path

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def batches(self, size: int = 1) -> Iterator[dict[str, NDArray[np.generic]]]:
        for start in range(0, len(self) - size + 1, size):
            yield {name: array[start : start + size] for name, array in self.arrays.items()}

    def halves(self) -> tuple[Samples, Samples]:
        """Two that share nothing, of labelled samples: each has half of every label, give or take one.

        They are drawn, as every second sample of a file whose labels alternate would be of one class.
        """
        import numpy as np

        assert self.labels is not None
        drawn = np.random.default_rng(SEED).permutation(len(self))
        order = drawn[_by_label(self.labels[drawn])]
        return self.only(np.sort(order[0::2])), self.only(np.sort(order[1::2]))

    def only(self, places: NDArray[np.int64]) -> Samples:
        arrays = {name: array[places] for name, array in self.arrays.items()}
        return Samples(arrays, None if self.labels is None else self.labels[places], self.path)


def read_samples(
    path: Path | None, inputs: Sequence[TensorSpec], limit: int | None = DEFAULT_SAMPLES
) -> Samples:
    """The samples for these inputs, at most ``limit`` where there is one, see :func:`spread`.

    Raises BadInput when the file is missing, empty, not readable or of the wrong shape.
    """
    if path is None:
        raise BadInput(
            "This precision needs calibration data.", "Give an .npz file with an array of sample inputs."
        )
    found = _load(path)
    arrays = {spec.name: _fit(_pick(found, spec.name, len(inputs), path), spec, path) for spec in inputs}
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise BadInput(f"The file “{path}” has no samples, or unequal numbers of them.")
    labels = next((found[name] for name in LABELS if name in found and len(found[name]) in lengths), None)
    count = lengths.pop()
    return Samples(arrays, labels, path).only(spread(count, limit, labels))


def batch_size(inputs: Sequence[TensorSpec]) -> int:
    """What the model's graph fixes as its first dimension, else 1."""
    first = inputs[0].shape[0] if inputs and inputs[0].shape else 1
    return first if isinstance(first, int) and first > 0 else 1


def samples_of(arrays: Mapping[str, NDArray[np.generic]]) -> int | None:
    """How many lie along the first axis of all; ``None`` where that is no batch, as it is shorter in some or
    not there: such inputs are one whole call."""
    leading = {array.shape[:1] for array in arrays.values()}
    return next(iter(leading))[0] if len(leading) == 1 and () not in leading else None


class Feed:
    """Hands out batches one after the other, says how far it is and hears the cancel between them."""

    def __init__(self, samples: Samples, inputs: Sequence[TensorSpec], job: JobContext, share: float) -> None:
        self._size = batch_size(inputs)
        self._samples = samples
        self._job = job
        self._share = share

    def __len__(self) -> int:
        return len(self._samples) // self._size

    def __iter__(self) -> Iterator[dict[str, Any]]:
        total = len(self)
        for done, batch in enumerate(self._samples.batches(self._size)):
            self._job.check_cancelled()
            what = f"Calibrating, sample {done * self._size + 1} of {total * self._size}"
            self._job.emit(Progress(self._share * done / total, what))
            yield batch


def match_inputs(
    given: Mapping[str, NDArray[np.generic]], wanted: tuple[TensorSpec, ...]
) -> dict[str, NDArray[np.generic]]:
    """Arrays by the model's own names and types. A generic name stands for the only input."""
    feed: dict[str, NDArray[np.generic]] = {}
    for spec in wanted:
        array = given.get(spec.name)
        if array is None and len(wanted) == 1:
            array = next((given[name] for name in given if name in ANY_INPUT), None)
        if array is None:
            raise BadInput(f"The input “{spec.name}” is missing.", f"Given: {', '.join(given) or 'nothing'}.")
        feed[spec.name] = array.astype(spec.dtype, copy=False)
    return feed


def _load(path: Path) -> dict[str, NDArray[np.generic]]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise BadInput(f"The file “{path}” is not there.") from None
    except (OSError, ValueError, AttributeError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(
            f"The file “{path}” cannot be read as .npz.",
            "Save it with numpy.savez, without objects.",
        ) from error


def _pick(
    found: Mapping[str, NDArray[np.generic]], name: str, inputs: int, path: Path
) -> NDArray[np.generic]:
    if name in found:
        return found[name]
    data = [key for key in found if key not in LABELS]
    generic = [key for key in data if key in ANY_INPUT] or data
    if inputs == 1 and len(generic) == 1:
        return found[generic[0]]
    raise BadInput(
        f"The file “{path}” has no array named “{name}”.",
        f"It has: {', '.join(found) or 'none'}.",
    )


def _fit(array: NDArray[np.generic], spec: TensorSpec, path: Path) -> NDArray[np.generic]:
    import numpy as np

    if not array.ndim:
        raise BadInput(f"The array for “{spec.name}” in “{path}” has no axis of samples.")
    wanted, given = spec.shape[1:], array.shape[1:]
    fits = len(wanted) == len(given) and all(
        not isinstance(w, int) or w <= 0 or w == g for w, g in zip(wanted, given, strict=True)
    )
    if not fits:
        raise BadInput(
            f"The samples in “{path}” have the shape {given}, but the input “{spec.name}” takes {wanted}."
        )
    return np.ascontiguousarray(array.astype(spec.dtype, copy=False))


def spread(count: int, limit: int | None, labels: ArrayLike | None = None) -> NDArray[np.int64]:
    """Which of ``count`` samples are taken where ``limit`` are enough: evenly over the file, in its order.

    With ``labels`` evenly over these as well, whatever the order in which they lie there.
    """
    import numpy as np

    taken = count if limit is None else min(count, limit)
    chosen = np.linspace(0, count - 1, taken).round().astype(np.int64)
    return chosen if labels is None else np.sort(_by_label(labels)[chosen])


def _by_label(labels: ArrayLike) -> NDArray[np.int64]:
    """The places of all samples, those of one label together in the order in which they lie there."""
    import numpy as np

    _, kinds = np.unique(np.asarray(labels), axis=0, return_inverse=True)
    return np.argsort(kinds.ravel(), kind="stable")
