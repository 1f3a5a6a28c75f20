"""An open model of named tensors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from openvino import AsyncInferQueue, Tensor

from backends.domain.errors import BadInput
from backends.domain.model import TensorSpec
from backends.frameworks.samples import match_inputs
from backends.frameworks.streams import GoOn


def specs(ports: Any) -> tuple[TensorSpec, ...]:
    """Of a model's inputs or outputs; a port without a name gets its place."""
    return tuple(
        TensorSpec(
            name_of(port, index),
            np.dtype(port.get_element_type().to_dtype()).name,
            tuple("?" if dim.is_dynamic else dim.get_length() for dim in port.get_partial_shape()),
        )
        for index, port in enumerate(ports)
    )


def name_of(port: Any, index: int) -> str:
    return port.get_any_name() if port.get_names() else str(index)


class OpenVinoTensorSession:
    def __init__(self, compiled: Any, device: str, threads: int, details: tuple[str, ...]) -> None:
        self._compiled = compiled
        self._request = compiled.create_infer_request()
        self.inputs = specs(compiled.inputs)
        self.outputs = specs(compiled.outputs)
        self.device = device
        self.threads = threads
        self.details = details
        self.warnings: tuple[str, ...] = ()

    def infer(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
        """Raises BadInput when names, types or shapes do not suit the model."""
        feed = match_inputs(inputs, self.inputs)
        places = {index: feed[spec.name] for index, spec in enumerate(self.inputs)}
        try:
            made = self._request.infer(places, share_inputs=True)
        except RuntimeError as error:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in feed.items())
            reason = str(error).strip().splitlines()[-1]
            raise BadInput(f"The model refused its inputs ({shapes}): {reason}") from error
        return {spec.name: made[index] for index, spec in enumerate(self.outputs)}

    def bound(self, inputs: Mapping[str, NDArray[np.generic]]) -> Callable[[], object]:
        """An inference on these inputs as often as it is called, without handing them over again."""
        self._bind(self._request, match_inputs(inputs, self.inputs))
        infer: Callable[[], object] = self._request.infer
        return infer

    def infer_in_streams(
        self, inputs: Mapping[str, NDArray[np.generic]], parallel: int, go_on: GoOn
    ) -> tuple[list[float], float]:
        """So many requests in flight, as OpenVINO's own queue keeps them; its latencies are its own too.

        Without a callback: one in Python would take turns for its lock with the thread that starts the next.
        """
        feed = match_inputs(inputs, self.inputs)
        queue, latencies, started = AsyncInferQueue(self._compiled, parallel), list[float](), set[int]()
        for request in queue:
            self._bind(request, feed)
        began = time.perf_counter()
        try:
            while go_on(len(latencies)):
                number = queue.get_idle_request_id()
                if number in started:
                    latencies.append(queue[number].latency / 1e3)
                started.add(number)
                queue.start_async()
        finally:
            queue.wait_all()
        latencies += [queue[number].latency / 1e3 for number in started]
        return latencies, time.perf_counter() - began

    def _bind(self, request: Any, feed: Mapping[str, NDArray[np.generic]]) -> None:
        """The arrays' own memory; the request holds on to it."""
        for index, spec in enumerate(self.inputs):
            array = np.asarray(feed[spec.name], order="C")  # its namesake gives a scalar an axis
            request.set_input_tensor(index, Tensor(array, shared_memory=True))
