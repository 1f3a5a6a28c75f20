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
from dataclasses import asdict, replace
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
from backends.frameworks.base import (
    Availability,
    JobContext,
    OptimizeRequest,
    PassesRequest,
    Planned,
    Session,
    WorkflowPass,
)
from backends.frameworks.children import run_module
from backends.frameworks.files import writing
from backends.frameworks.olive import auto, catalogue, checking, searching, trials, workflows
from backends.frameworks.onnx.graphs import (
    external_files,
    model_bytes,
    raise_opset,
    read_model,
    why_not_smaller,
    write_model,
)
from backends.frameworks.onnx.opening import ONLY_LOOKING, inference_session, open_artifact
from backends.frameworks.onnx.rotary import take_rotary_out
from backends.frameworks.onnx.tensors import specs
from backends.frameworks.samples import DEFAULT_SAMPLES, read_samples
from backends.frameworks.tokenizers import copy_companions, load_tokenizer

NAME = "olive"
DEVICE = "cpu"
WORKFLOW, TRIALS = "workflow.json", "trials.json"  # kept with the artifact
SEARCH, AUTO = "search", "auto"  # modes
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
        """Option "workflow" names a JSON file to be run instead; "mode" is "search" or "auto".

        Of a search, the quickest is kept that loses no more than the option "max_drop" of the original's
        quality; what else was tried is in TRIALS. Raises BadInput or JobFailed.
        """
        began = time.perf_counter()
        plan, notes = _workflow(request, job)
        passes = workflows.pass_types(plan)
        for note in notes:
            job.emit(Log(note))
        if request.source_format is ModelFormat.HUGGING_FACE:
            _require_weights(request.source)
        job.emit(Started(f"Running Olive: {' → '.join(passes)}"))
        target = request.output / "model.onnx"
        with _scratch(request.output) as scratch, writing(request.output):
            start, note = _at_opset(_as_onnx(request, plan, scratch, job), plan, scratch)
            if note:
                plan = workflows.without_axes(plan)
            places = workflows.Places(
                start.source.resolve(),
                scratch / "output",
                scratch / "cache",
                _samples(start, plan, scratch),
                _evaluation(request, start.source, plan, scratch),
            )
            plan = _run_either(plan, places, scratch, job)
            kept = _keep(request, plan, places.output)
            _collect(kept.model if kept and kept.model else _only_model(places.output), target)
        warnings = (*notes, *((note,) if note else ()), *_finish(request, target))
        (request.output / WORKFLOW).write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")
        options: dict[str, Option] = {"passes": ", ".join(passes), "workflow_file": WORKFLOW}
        if (request.output / TRIALS).is_file():
            options["trials_file"] = TRIALS
            options["tried"] = len(json.loads((request.output / TRIALS).read_text(encoding="utf-8"))) - 1
        return Artifact(
            name=request.name or request.source.stem,
            framework=NAME,
            precision=(kept.precision if kept else "") or request.precision,
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

    def plan(self, request: OptimizeRequest, job: JobContext) -> Planned:
        """See :class:`~backends.frameworks.base.Planner`."""
        made, notes = _workflow(request, job)
        return Planned(json.dumps(made, indent=2) + "\n", notes)

    def passes(self, request: PassesRequest, job: JobContext) -> tuple[WorkflowPass, ...]:
        """See :class:`~backends.frameworks.base.Planner`."""
        found = catalogue.suitable(_catalogue(), request.device, request.precision)
        return tuple(
            WorkflowPass(one.name, one.accelerators, one.precisions, one.needs_data, one.lacking)
            for one in found
        )

    @contextmanager
    def open(self, artifact: Artifact, options: LoadOptions) -> Iterator[Session]:
        yield open_artifact(artifact, options)


def _workflow(request: OptimizeRequest, job: JobContext) -> tuple[workflows.Workflow, tuple[str, ...]]:
    """What is run for a request, checked, and sentences on what is not in it."""
    own, mode = request.options.get("workflow"), request.options.get("mode")
    notes: tuple[str, ...] = ()
    if own:
        made = checking.edited(Path(str(own)))
    elif mode == SEARCH:
        made = searching.search_workflow(request)
    elif mode == AUTO:
        made, notes = _chosen_by_olive(request, job)
    else:
        made = workflows.workflow(request)
    catalogue.check(_catalogue(), workflows.pass_types(made), DEVICE)
    return made, notes


def _chosen_by_olive(request: OptimizeRequest, job: JobContext) -> tuple[workflows.Workflow, tuple[str, ...]]:
    job.emit(Progress(None, "Asking Olive which passes suit"))
    with tempfile.TemporaryDirectory(prefix="edgewright-", ignore_cleanup_errors=True) as folder:
        out, lines = Path(folder) / "chosen", list[str]()
        arguments = auto.arguments(request, DEVICE, out)
        run_module(Path(sys.executable), "olive", arguments, job, lines.append, variables=SILENT)
        if not (out / auto.CONFIG).is_file():
            raise _failure(lines)
        made, notes = auto.read(out, _catalogue())
    if request.options.get("evaluation") and request.source_format is ModelFormat.ONNX:
        made = searching.with_judge(made, request.kind, request.options)
    return made, notes


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


def _as_onnx(
    request: OptimizeRequest, plan: workflows.Workflow, scratch: Path, job: JobContext
) -> OptimizeRequest:
    """A workflow that starts from ONNX, asked for a folder: its unquantized ONNX form is made first."""
    wanted = plan["input_model"]["type"]
    if wanted == workflows.HF and request.source_format is not ModelFormat.HUGGING_FACE:
        raise BadInput("The workflow starts from a Hugging Face folder.", "Choose the model's folder.")
    if wanted == workflows.HF or request.source_format is not ModelFormat.HUGGING_FACE:
        return request
    built = scratch / "original"
    built.mkdir()
    build = workflows.workflow(replace(request, precision="FP32", options={}))
    places = workflows.Places(request.source.resolve(), built / "output", built / "cache")
    _run(workflows.filled(build, places), 1, built, job)
    return replace(request, source=_only_model(places.output), source_format=ModelFormat.ONNX)


def _at_opset(
    request: OptimizeRequest, plan: workflows.Workflow, scratch: Path
) -> tuple[OptimizeRequest, str]:
    """The request for a model whose operators know scales per channel, or a sentence on why it is not."""
    if request.source_format is not ModelFormat.ONNX or not workflows.quantizes_tensors(plan):
        return request, ""
    before = read_model(request.source)[1]
    model, note = raise_opset(before)
    if model is before:
        return request, note
    raised = scratch / "raised" / "model.onnx"
    raised.parent.mkdir()
    write_model(model, raised, beside=False)
    return replace(request, source=raised), note


def _run_either(
    plan: workflows.Workflow, places: workflows.Places, scratch: Path, job: JobContext
) -> workflows.Workflow:
    """The workflow that came to an end: widening weights for INT32 biases breaks on biases of odd shapes."""
    steps = searching.steps(plan)
    try:
        _run(workflows.filled(plan, places), steps, scratch, job)
    except JobFailed:
        other = workflows.without_widening(plan)
        if other == plan or searching.is_search(plan):
            raise
        job.emit(Log("Olive made no model; once more without adjusting weights to INT32 biases"))
        _run(workflows.filled(other, places), steps, scratch, job)
        return other
    return plan


def _evaluation(
    request: OptimizeRequest, model: Path, plan: workflows.Workflow, scratch: Path
) -> Path | None:
    """What candidates are judged by: labelled samples as they were handed over, or text as token ids."""
    if not workflows.needs_evaluation(plan):
        return None
    given = request.options.get("evaluation")
    if not given:
        raise BadInput("The workflow judges its models, and has no data to do so.", "Name some.")
    if request.kind is not ModelKind.LANGUAGE:
        return Path(str(given))
    text = Path(str(given)).read_text(encoding="utf-8", errors="replace")
    tokenizer = load_tokenizer((request.source,), {})
    ids = tokenizer(text[: searching.TEXT_LIMIT])
    inputs = specs(inference_session(model, ONLY_LOOKING).get_inputs())
    return searching.windows(ids, inputs, scratch / "evaluation.npz")


def _keep(request: OptimizeRequest, plan: workflows.Workflow, made: Path) -> trials.Tried | None:
    """The chosen trial, with all of them written down; ``None`` where nothing was judged."""
    if not workflows.needs_evaluation(plan):
        return None
    limit = float("inf")
    if searching.is_search(plan):
        limit = float(request.options.get("max_drop", searching.MAX_DROP))
    tried = trials.choose(trials.read(made, workflows.pass_types(plan)), limit)
    plain = [asdict(one.trial) for one in tried]
    (request.output / TRIALS).write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return next(one for one in tried if one.trial.chosen)


def _run(plan: Any, steps: int, scratch: Path, job: JobContext) -> None:
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
            name, _, kind = found[1].partition(":")
            what = f"Candidate {begun} of {steps}: {kind}" if searching.is_search(plan) else f"Pass {name}"
            job.emit(Progress(min(0.9, 0.1 + 0.8 * (begun - 1) / steps), what))

    arguments = ["run", "--config", str(config), "--disable_telemetry"]
    job.emit(Progress(0.0, "Starting Olive"))
    run_module(Path(sys.executable), "olive", arguments, job, hear, variables=SILENT)
    if not list((scratch / "output").rglob("*.onnx")):
        raise _failure(lines)
    job.emit(Log(f"Olive ran {begun} passes"))


def _failure(lines: Sequence[str]) -> JobFailed:
    text = "\n".join(lines)
    said = _SAID.findall(text)
    reason = f": {said[-1].strip().rstrip('.')}" if said else ""
    return JobFailed(
        f"Olive made no model{reason}.",
        "The details show its last words; another precision or framework may take this model.",
        "\n".join(lines[-TAIL_LINES:]),
    )


def _only_model(made: Path) -> Path:
    models = sorted(made.rglob("*.onnx"))
    if len(models) != 1:
        names = ", ".join(model.relative_to(made).as_posix() for model in models)
        raise JobFailed(f"The workflow made {len(models)} models ({names}).", "It must end in one.")
    return models[0]


def _collect(made: Path, target: Path) -> None:
    """The model with its data and what belongs to it, without Olive's footprints."""
    model = read_model(made)[1]
    take_rotary_out(model)
    write_model(model, target, beside=bool(external_files(made)))
    settings = made.parent / "genai_config.json"
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
