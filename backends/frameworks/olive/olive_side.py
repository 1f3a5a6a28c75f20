"""Loaded by Olive, not by this program: samples from an .npz file, and which output a model is judged by."""

from typing import Any

import numpy as np
from olive.data.registry import Registry  # type: ignore[import-not-found]

LABELS = "labels"  # the array beside the inputs
Samples = list[tuple[dict[str, np.ndarray], Any]]


@Registry.register_dataset()  # type: ignore[untyped-decorator]
def edgewright_npz(path: str, **_: object) -> Samples:
    """Olive's form: (inputs, label) of each sample, without the batch axis. The labels mean nothing."""
    arrays = _arrays(path)
    return _samples(arrays, np.zeros(len(next(iter(arrays.values()))), np.int64))


@Registry.register_dataset()  # type: ignore[untyped-decorator]
def edgewright_labelled_npz(path: str, **_: object) -> Samples:
    arrays = _arrays(path)
    return _samples(arrays, arrays.pop(LABELS))


def _arrays(path: str) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _samples(arrays: dict[str, np.ndarray], labels: np.ndarray) -> Samples:
    return [({name: array[at] for name, array in arrays.items()}, label) for at, label in enumerate(labels)]


@Registry.register_post_process()  # type: ignore[untyped-decorator]
def edgewright_top1(output: Any, **_: object) -> Any:
    """The likeliest class of each sample; of several outputs the first."""
    scores = next(iter(output.values())) if isinstance(output, dict) else output
    return scores.reshape(len(scores), -1).argmax(-1)


@Registry.register_post_process()  # type: ignore[untyped-decorator]
def edgewright_logits(output: Any, **_: object) -> Any:
    """(batch, positions, vocabulary) of a language model, whatever else it puts out."""
    return output["logits"] if isinstance(output, dict) else output
