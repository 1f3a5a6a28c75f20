"""Hugging Face to OpenVINO: optimum-intel, FP32, the cache as state."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import metadata

from backends.domain.events import Progress
from backends.frameworks.base import JobContext
from backends.frameworks.converters.base import Converted, ConvertRequest
from backends.frameworks.converters.explaining import explain
from backends.frameworks.converters.running import run
from backends.frameworks.files import writing
from backends.frameworks.tokenizers import copy_companions

TITLE = "optimum-intel"
MADE = "openvino_model.xml"  # as optimum-intel names it


def convert(request: ConvertRequest, job: JobContext) -> Converted:
    """Raises BadInput for what optimum-intel does not know, JobFailed for all else."""
    command = [
        *(sys.executable, "-m", "optimum.commands.optimum_cli", "export", "openvino"),
        *("--model", str(request.source), "--task", "text-generation-with-past", "--library", "transformers"),
        *("--weight-format", "fp32", "--disable-convert-tokenizer", str(request.output)),
    ]
    with writing(request.output, request.needed_bytes):
        code, words = run(command, job, _progress(job))
    target = request.output / MADE
    if code != 0 or not target.is_file():
        raise explain(TITLE, code, words)
    copy_companions(request.source, request.output)
    return Converted(target, {name: metadata.version(name) for name in ("optimum-intel", "transformers")})


def _progress(job: JobContext) -> Callable[[str], None]:
    job.emit(Progress(None, "Reading the model"))

    def hear(line: str) -> None:
        if "TracerWarning" in line:  # it follows one forward pass, and tells nothing else
            job.emit(Progress(None, "Tracing the model"))

    return hear
