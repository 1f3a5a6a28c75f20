"""Olive: workflows of its passes run in a child process, judged by the files they leave."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnxruntime as ort
from safetensors import SafetensorError, safe_open

from backends.domain.artifact import Artifact, LoadOptions, Option
from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Log, Progress, Started
from backends.domain.hardware import HardwareProfile
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.frameworks.base import Availability, JobContext, OptimizeRequest, Session
from backends.frameworks.children import run_module
from backends.frameworks.files import writing
from backends.frameworks.olive import catalogue, workflows
from backends.frameworks.onnx.graphs import model_bytes, read_model, why_not_smaller, write_model
from backends.frameworks.onnx.opening import ONLY_LOOKING, inference_session, open_artifact
from backends.frameworks.onnx.rotary import take_rotary_out
from backends.frameworks.onnx.tensors import specs
from backends.frameworks.samples import DEFAULT_SAMPLES, read_samples
from backends.frameworks.tokenizers import copy_companions

NAME = "olive"
DEVICE = "cpu"
WORKFLOW = "workflow.json"  # kept with the artifact
SILENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "OLIVE_DISABLE_TELEMETRY": "1",
}
TAIL_LINES = 40
_PASS = re.compile(r"Running pass (\S+)")
_SAID = re.compile(r"^(?:[\w.]*(?:Error|Exception)): (.+)$", re.MULTILINE)


class OliveAdapter:
    def probe(self, hardware: HardwareProfile | None) -> Availability:
        if find_spec("olive") is None:
            return Availability(
                NAME,
                False,
                reason="not complete: of its packages “olive-ai” is missing",
                remedy="Run “edgewright frameworks repair olive”.",
            )
        return Availability(NAME, True, metadata.version("olive-ai"), ("CPU",))

    def optimize(self, request: OptimizeRequest, job: JobContext) -> Artifact:
        """Option "workflow" names a JSON file to be run instead. Raises BadInput or JobFailed."""
        began = time.perf_counter()
        own = request.options.get("workflow")
        plan = workflows.edited(Path(str(own))) if own else workflows.workflow(request)
        passes = workflows.pass_types(plan)
        catalogue.check(_catalogue(), passes, DEVICE)
        if request.source_format is ModelFormat.HUGGING_FACE:
            _require_weights(request.source)
        job.emit(Started(f"Running Olive: {' → '.join(passes)}"))
        target = request.output / "model.onnx"
        with _scratch(request.output) as scratch, writing(request.output):
            places = workflows.Places(
                request.source.resolve(),
                scratch / "output",
                scratch / "cache",
                _samples(request, plan, scratch),
            )
            _run(workflows.filled(plan, places), len(passes), scratch, job)
            _collect(places.output, target)
        warnings = _finish(request, target)
        (request.output / WORKFLOW).write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")
        options: dict[str, Option] = {"passes": ", ".join(passes), "workflow_file": WORKFLOW}
        return Artifact(
            name=request.name or request.source.stem,
            framework=NAME,
            precision=request.precision,
            format=ModelFormat.ONNX,
            kind=request.kind,
            path=target,
            size_bytes=model_bytes(target),
            contents=TensorContents({}, 0, 0, 0.0),
            source=request.source,
            warnings=warnings,
            options=options,
            versions={"olive-ai": metadata.version("olive-ai"), "onnxruntime": ort.__version__},
            took_s=time.perf_counter() - began,
        )

    @contextmanager
    def open(self, artifact: Artifact, options: LoadOptions) -> Iterator[Session]:
        yield open_artifact(artifact, options)


def _catalogue() -> tuple[catalogue.Pass, ...]:
    found = find_spec("olive")
    if found is None or not found.submodule_search_locations:
        raise JobFailed("Olive is not installed in this environment.")
    return catalogue.read(Path(found.submodule_search_locations[0]))


def _require_weights(folder: Path) -> None:
    """Olive itself tells of damage after half a minute, with a traceback. Raises BadInput."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise BadInput(f"“{folder}” has no weights (*.safetensors).", "Copy it again.")
    for file in files:
        try:
            with safe_open(file, "np"):
                pass
        except (OSError, SafetensorError) as error:
            raise BadInput(f"The weights “{file}” cannot be read: {error}.", "Copy them again.") from error


def _samples(request: OptimizeRequest, plan: workflows.Workflow, scratch: Path) -> Path | None:
    """The calibration data, checked against the model's inputs and written under their names."""
    if not workflows.needs_samples(plan):
        return None
    import numpy as np

    inputs = specs(inference_session(request.source, ONLY_LOOKING).get_inputs())
    limit = int(request.options.get("samples", DEFAULT_SAMPLES))
    path = scratch / "samples.npz"
    arrays: dict[str, Any] = dict(read_samples(request.calibration, inputs, limit).arrays)
    np.savez(path, allow_pickle=False, **arrays)
    return path


def _run(plan: Any, passes: int, scratch: Path, job: JobContext) -> None:
    """To the end, whatever it returns: Olive ends with 0 where it made nothing. A cancel kills it."""
    config = scratch / "config.json"
    config.write_text(json.dumps(plan, indent=1), encoding="utf-8")
    lines: list[str] = []
    begun = 0

    def hear(line: str) -> None:
        nonlocal begun
        lines.append(line)
        if (found := _PASS.search(line)) is not None:
            begun += 1
            job.emit(Progress(min(0.9, 0.1 + 0.8 * (begun - 1) / passes), f"Pass {found[1].split(':')[0]}"))

    arguments = ["run", "--config", str(config), "--disable_telemetry"]
    job.emit(Progress(0.0, "Starting Olive"))
    run_module(Path(sys.executable), "olive", arguments, job, hear, variables=SILENT)
    if not list((scratch / "output").rglob("*.onnx")):
        raise _failure(lines)
    job.emit(Log(f"Olive ran {begun} of {passes} passes"))


def _failure(lines: Sequence[str]) -> JobFailed:
    text = "\n".join(lines)
    said = _SAID.findall(text)
    reason = f": {said[-1].strip().rstrip('.')}" if said else ""
    return JobFailed(
        f"Olive made no model{reason}.",
        "The details show its last words; another precision or framework may take this model.",
        "\n".join(lines[-TAIL_LINES:]),
    )


def _collect(made: Path, target: Path) -> None:
    """The model with its data and what belongs to it, without Olive's footprints."""
    models = sorted(made.rglob("*.onnx"))
    if len(models) != 1:
        names = ", ".join(model.relative_to(made).as_posix() for model in models)
        raise JobFailed(f"The workflow made {len(models)} models ({names}).", "It must end in one.")
    model = read_model(models[0])[1]
    take_rotary_out(model)
    beside = models[0].with_name(f"{models[0].name}.data").is_file()
    write_model(model, target, beside)
    settings = models[0].parent / "genai_config.json"
    if settings.is_file():
        shutil.copyfile(settings, target.parent / settings.name)


def _finish(request: OptimizeRequest, target: Path) -> tuple[str, ...]:
    """A model that does not open is no result; one that is no smaller gets a word."""
    inference_session(target, ONLY_LOOKING)
    if request.kind is ModelKind.LANGUAGE:
        copy_companions(request.source, target.parent)
    if request.source_format is not ModelFormat.ONNX or request.precision.upper().startswith("FP"):
        return ()
    source, before = read_model(request.source)
    quantized = sum(_QUANTIZED.count(node.op_type) for node in read_model(target)[1].graph.node)
    return why_not_smaller(before, quantized, model_bytes(source), model_bytes(target))


_QUANTIZED = (
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "MatMulNBits",
    "GatherBlockQuantized",
    "MatMulInteger",
    "ConvInteger",
    "QLinearConv",
    "QLinearMatMul",
)


@contextmanager
def _scratch(output: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=output, prefix=".work-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


ADAPTER = OliveAdapter()
