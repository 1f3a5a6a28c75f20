"""An open model of named tensors over an ``InferenceSession``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import BadInput
from backends.domain.model import TensorSpec
from backends.frameworks.samples import match_inputs
from backends.frameworks.streams import GoOn, in_threads

NUMPY_TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(bool)": "bool",
    "tensor(string)": "str",
}


def specs(entries: Any) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(entry.name, _numpy_type(entry.type), tuple(_dimension(dim) for dim in entry.shape))
        for entry in entries
    )


class OnnxTensorSession:
    def __init__(
        self,
        session: Any,
        device: str,
        threads: int,
        details: tuple[str, ...],
        errors: tuple[type[Exception], ...],
    ) -> None:
        self._session = session
        self._errors = errors
        self.inputs = specs(session.get_inputs())
        self.outputs = specs(session.get_outputs())
        self.details = details
        self.warnings: tuple[str, ...] = ()
        self.device = device
        self.threads = threads
        self._names = [spec.name for spec in self.outputs]

    def infer(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
        """Raises BadInput when names, types or shapes do not suit the model."""
        feed = match_inputs(inputs, self.inputs)
        try:
            made = self._session.run(self._names, feed)
        except self._errors as error:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in feed.items())
            raise BadInput(f"The model refused its inputs ({shapes}): {error}") from error
        return dict(zip(self._names, made, strict=True))

    def bound(self, inputs: Mapping[str, NDArray[np.generic]]) -> Callable[[], object]:
        """An inference on these inputs as often as it is called, without handing them over again."""
        binding = self._session.io_binding()
        for name, array in match_inputs(inputs, self.inputs).items():
            binding.bind_cpu_input(name, np.asarray(array, order="C"))
        for name in self._names:
            binding.bind_output(name)
        return lambda: self._session.run_with_iobinding(binding)

    def infer_in_streams(
        self, inputs: Mapping[str, NDArray[np.generic]], parallel: int, go_on: GoOn
    ) -> tuple[list[float], float]:
        """From so many threads at a time; a session may be run by any number of them."""
        return in_threads(lambda: self.infer(inputs), parallel, go_on)


def _numpy_type(name: str) -> str:
    return NUMPY_TYPES.get(name, name.removeprefix("tensor(").removesuffix(")"))


def _dimension(dim: Any) -> int | str:
    return dim if isinstance(dim, int) else str(dim or "?")
