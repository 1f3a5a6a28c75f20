"""An open model on Hexagon. Its shapes are fixed, so a batch is run piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import BadInput
from backends.frameworks.onnx.tensors import specs
from backends.frameworks.samples import match_inputs, samples_of


class QnnSession:
    """A :class:`~backends.frameworks.base.TensorSession`."""

    threads = 1

    def __init__(
        self, session: Any, device: str, details: tuple[str, ...], warnings: tuple[str, ...]
    ) -> None:
        self._session = session
        self.device = device
        self.details = details
        self.warnings = warnings
        self.inputs = specs(session.get_inputs())
        self.outputs = specs(session.get_outputs())
        self._names = [spec.name for spec in self.outputs]
        self._batch = next((spec.shape[0] for spec in self.inputs if spec.shape), 1)

    def infer(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
        """Raises BadInput when names, shapes or the number of samples do not suit the model."""
        feed = match_inputs(inputs, self.inputs)
        pieces = [self._run(piece) for piece in self._pieces(feed)]
        if len(pieces) == 1:
            return dict(zip(self._names, pieces[0], strict=True))
        return {name: np.concatenate([piece[at] for piece in pieces]) for at, name in enumerate(self._names)}

    def _pieces(self, feed: dict[str, NDArray[np.generic]]) -> list[dict[str, NDArray[np.generic]]]:
        step, total = int(self._batch), samples_of(feed)
        if total is None:
            return [feed]
        if total % step or not total:
            raise BadInput(f"The model takes {step} samples at once; {total} are no multiple of that.")
        return [{name: array[at : at + step] for name, array in feed.items()} for at in range(0, total, step)]

    def _run(self, feed: dict[str, NDArray[np.generic]]) -> list[Any]:
        for spec in self.inputs:
            if feed[spec.name].shape != spec.shape:
                given = feed[spec.name].shape
                raise BadInput(f"The input “{spec.name}” takes {spec.shape}, not {given}.")
        made: list[Any] = self._session.run(self._names, feed)
        return made
