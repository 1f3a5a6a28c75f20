"""Qualcomm QNN through ONNX Runtime: QDQ quantization, proof of coverage, binaries compiled for a chip."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import onnxruntime as ort
import onnxruntime_qnn
from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference

from backends.domain.artifact import Artifact, LoadOptions, Option
from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Log, Progress, Started
from backends.domain.hardware import HardwareProfile
from backends.domain.model import ModelFormat, ModelKind
from backends.frameworks.base import Availability, JobContext, OptimizeRequest
from backends.frameworks.files import require_file, scratch_in, writing
from backends.frameworks.making import made_of
from backends.frameworks.onnx.graphs import raise_opset, read_model
from backends.frameworks.onnx.tensors import specs
from backends.frameworks.qnn import graphs, provider
from backends.frameworks.qnn.chips import Chip, chip
from backends.frameworks.qnn.coverage import Coverage
from backends.frameworks.qnn.quantizing import Quantizer, Recipe
from backends.frameworks.qnn.session import QnnSession
from backends.frameworks.samples import read_samples

NAME = "qnn"
OPSET = 17  # that older graphs are raised to, where they can be
EMULATED = "The Hexagon emulator computes what the chip would; its speed says nothing about the chip's."


class QnnAdapter:
    def probe(self, hardware: HardwareProfile | None) -> Availability:
        try:
            device = provider.device_name()
        except provider.UNUSABLE as error:
            return Availability(
                NAME, False, reason=f"Qualcomm's library does not load: {error}", remedy="Repair it."
            )
        return Availability(NAME, True, onnxruntime_qnn.__version__, (device,))

    def optimize(self, request: OptimizeRequest, job: JobContext) -> Artifact:
        """Raises BadInput for what cannot be used, JobFailed where Hexagon lacks operators."""
        began = time.perf_counter()
        recipe = Recipe.read(request.precision.upper(), request.options)
        target = request.options.get("target")
        compiled_for = chip(str(target)) if target else None
        _, model = read_model(request.source)
        job.emit(Started(f"Making {request.precision} for QNN"))
        if request.kind is ModelKind.LANGUAGE:
            raise self._without_operators(request, model, job)
        with scratch_in(request.output) as scratch, writing(request.output):
            folded = self._folded(request, model, scratch)
            inputs = specs(provider.cpu_session(folded).get_inputs())
            samples = read_samples(request.calibration, inputs, int(request.options["samples"]))
            path = request.output / "model.onnx"
            options = Quantizer(folded, samples, inputs, scratch, job).run(recipe, path)
        job.emit(Progress(0.75, "Trying every operator on Hexagon"))
        found = covered(path)
        options |= {"operators": found.taken.total() + found.refused.total(), "on_hexagon": found.share}
        job.emit(Log(found.sentence()))
        job.check_cancelled()
        if compiled_for is not None:
            job.emit(Progress(0.9, f"Compiling for {compiled_for.name}"))
            options |= compile_for(path, compiled_for)
        form = ModelFormat.ONNX
        if compiled_for is not None and request.options.get("context_only"):
            path.unlink()
            path, form = path.with_name(str(options["context_binary"])), ModelFormat.QNN_CONTEXT
        return made_of(
            request,
            NAME,
            form,
            path,
            began,
            size_bytes=path.stat().st_size,
            warnings=() if found.whole else (found.sentence(),),
            options=options,
            versions={"onnxruntime-qnn": onnxruntime_qnn.__version__, "onnxruntime": ort.__version__},
        )

    @contextmanager
    def open(self, artifact: Artifact, options: LoadOptions) -> Iterator[QnnSession]:
        if artifact.kind is ModelKind.LANGUAGE:
            raise BadInput("QNN runs no language models here: Hexagon lacks operators they need.")
        path = require_file(artifact.path, "ONNX")
        allowed = bool(options.options["fallback"])
        try:
            session, found = _open(path, allowed)
        except provider.ERRORS as error:
            raise BadInput(
                f"QNN cannot open “{path}”: {provider.words(error)}",
                "It takes ONNX models with fixed shapes, best those that it has quantized.",
            ) from error
        device = provider.device_name()
        warnings: tuple[str, ...] = (EMULATED,) if device == provider.EMULATOR else ()
        if not found.whole:
            warnings += (found.sentence(),)
        yield QnnSession(session, device, (found.sentence(), f"Device: {device}"), warnings)

    def _folded(self, request: OptimizeRequest, model: onnx.ModelProto, scratch: Path) -> Path:
        """Shapes fixed, constants folded: what depends on a shape only is then no operator any more."""
        model, _ = raise_opset(model, OPSET)
        graphs.fix_shapes(model, request.options)
        fixed, folded = scratch / "fixed.onnx", scratch / "folded.onnx"
        onnx.save(model, fixed)
        try:
            provider.cpu_session(fixed, folded)
        except provider.ERRORS as error:
            raise BadInput(
                f"ONNX Runtime cannot read “{request.source}” with fixed shapes: {provider.words(error)}"
            ) from error
        return folded

    def _without_operators(
        self, request: OptimizeRequest, model: onnx.ModelProto, job: JobContext
    ) -> JobFailed:
        """A language model's operators are tried one by one, and those that Hexagon lacks are named."""
        found = tried(model, {**graphs.language_shapes(model.graph), **request.options}, job)
        if found.whole:
            return JobFailed(
                f"QNN cannot run “{request.name}”: each operator alone is taken, the whole graph is not.",
                "Use llama.cpp on the processor or the Adreno GPU.",
            )
        return JobFailed(
            f"QNN cannot run “{request.name}”: Hexagon does not take {found.refused_by_name()}.",
            "Use llama.cpp on the processor or the Adreno GPU.",
            found.sentence(),
        )


def tried(model: onnx.ModelProto, options: dict[str, Option], job: JobContext) -> Coverage:
    """Every kind of operator of the graph alone on Hexagon. For graphs that do not open as a whole."""
    found = Coverage()
    graphs.fix_shapes(model, options)
    inferred = SymbolicShapeInference.infer_shapes(model, auto_merge=True) or model
    for operator, count, alone in graphs.single_nodes(inferred):
        job.check_cancelled()
        job.emit(Progress(None, f"Trying {operator} on Hexagon"))
        taken = alone is not None and provider.takes(alone.SerializeToString())
        (found.taken if taken else found.refused)[operator] += count
    return found


def covered(path: Path) -> Coverage:
    """Of the file as it is. Raises JobFailed where not even the processor could help."""
    try:
        return _open(path, allowed=True)[1]
    except provider.ERRORS as error:
        raise JobFailed(f"The quantized model does not open: {provider.words(error)}") from error


def compile_for(path: Path, target: Chip) -> dict[str, Option]:
    """The context binary beside the model, in one file. Raises JobFailed where the compiler refuses."""
    binary = path.with_name(f"{path.stem}.{target.id}.onnx")
    try:
        provider.open_session(path, strict=True, chip=target, context=binary)
    except provider.ERRORS as error:
        raise JobFailed(
            f"The model cannot be compiled for {target.name}: {provider.words(error)}",
            "Operators that Hexagon does not take cannot be in it; leave the target out to see them.",
        ) from error
    if not binary.is_file():
        raise JobFailed(f"Qualcomm's compiler wrote nothing for {target.name}.")
    return {
        "target": target.id,
        "target_name": target.name,
        "context_binary": binary.name,
        "context_sha256": hashlib.sha256(binary.read_bytes()).hexdigest(),
    }


def _open(path: Path, allowed: bool) -> tuple[object, Coverage]:
    """With fallback disabled where that works, which is the proof; else, where allowed, with fallback."""
    try:
        session = provider.open_session(path, strict=True)
    except provider.ERRORS:
        if not allowed:
            raise
        session = provider.open_session(path, strict=False)
    return session, provider.covered(session)


ADAPTER = QnnAdapter()
