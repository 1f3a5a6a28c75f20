"""Hugging Face to ONNX for what is no decoder of text: PyTorch's own exporter, FP32."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import warnings
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from backends.domain.errors import EdgewrightError
from backends.domain.events import Progress
from backends.domain.preprocessing import PROCESSOR
from backends.frameworks.base import JobContext
from backends.frameworks.converters.base import Converted, ConvertRequest
from backends.frameworks.converters.built_in import BuiltIn, open_built_in
from backends.frameworks.converters.explaining import explain
from backends.frameworks.files import writing
from backends.frameworks.onnx.graphs import SINGLE_FILE_BYTES
from backends.frameworks.tokenizers import copy_companions

TITLE = "PyTorch's ONNX exporter"
OPSET = 18
FIXED = "PyTorch could not leave sizes open: the model takes {sizes} only."


def convert(request: ConvertRequest, job: JobContext) -> Converted:
    """Raises BadInput for what Transformers has no class for, JobFailed for all else."""
    job.emit(Progress(None, "Reading the model"))
    opened = open_built_in(request.source)
    job.check_cancelled()
    job.emit(Progress(None, "Tracing the model"))
    program, said = _exported(opened)
    job.check_cancelled()
    job.emit(Progress(None, "Writing ONNX"))
    target = request.output / "model.onnx"
    beside = _bytes(opened.model) > SINGLE_FILE_BYTES
    with writing(request.output, request.needed_bytes):
        program.save(target, external_data=beside)
    copy_companions(request.source, request.output)
    if (request.source / PROCESSOR).is_file():
        shutil.copyfile(request.source / PROCESSOR, request.output / PROCESSOR)
    return Converted(target, {name: metadata.version(name) for name in ("torch", "transformers")}, said)


def _exported(opened: BuiltIn) -> tuple[Any, tuple[str, ...]]:
    """With sizes left open, or where the model does not allow that as in the example, and a sentence."""
    refusals = []
    for axes in (opened.open_axes, None):
        try:
            program = _export(opened, axes)
        except Exception as error:  # noqa: BLE001 - a trace raises whatever the model's own code does
            refusals.append(error)
        else:
            return program, () if axes else (FIXED.format(sizes=_sizes(opened)),)
    raise _explained(refusals[-1])


def _export(opened: BuiltIn, axes: Any) -> Any:
    import torch

    with _quiet():
        return torch.onnx.export(
            _chosen(opened),
            tuple(opened.inputs.values()),
            input_names=list(opened.inputs),
            output_names=list(opened.outputs),
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes={"inputs": tuple(axes[name] for name in opened.inputs)} if axes else None,
            verbose=False,
        )


def _chosen(opened: BuiltIn) -> Any:
    """The model as a function from its inputs in their order to its outputs in theirs."""
    import torch

    class Chosen(torch.nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
        def __init__(self) -> None:
            super().__init__()
            self.model = opened.model

        def forward(self, *inputs: Any) -> tuple[Any, ...]:
            answer = self.model(**dict(zip(opened.inputs, inputs, strict=True)))
            return tuple(answer[name] for name in opened.outputs)

    return Chosen().eval()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of operators of packages that are not here, and reports each of its steps."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _explained(error: Exception) -> EdgewrightError:
    return explain(TITLE, 1, f"{type(error).__name__}: {error}")


def _sizes(opened: BuiltIn) -> str:
    return ", ".join(f"{name} of {tuple(value.shape)}" for name, value in opened.inputs.items())


def _bytes(model: Any) -> int:
    return sum(weight.numel() * weight.element_size() for weight in model.parameters())
