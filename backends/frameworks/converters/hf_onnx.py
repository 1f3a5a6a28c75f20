"""Hugging Face to ONNX: the model builder of onnxruntime-genai, FP32 for the CPU."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from importlib import metadata

from backends.domain.events import Progress
from backends.frameworks.base import JobContext
from backends.frameworks.converters.base import Converted, ConvertRequest
from backends.frameworks.converters.explaining import explain
from backends.frameworks.converters.running import run
from backends.frameworks.files import writing
from backends.frameworks.onnx.graphs import read_model, write_model
from backends.frameworks.onnx.rotary import take_rotary_out
from backends.frameworks.tokenizers import copy_companions

TITLE = "onnxruntime-genai's model builder"
_SHARE = re.compile(r"^Saving .*:\s+(\d+)%")


def convert(request: ConvertRequest, job: JobContext) -> Converted:
    """Raises BadInput for what the builder does not know, JobFailed for all else."""
    cache = request.output / ".cache"
    command = [
        *(sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", str(request.source)),
        *("-o", str(request.output), "-p", "fp32", "-e", "cpu", "-c", str(cache)),
        *("--extra_options", "hf_remote=false"),  # else it runs Python that comes with a model
    ]
    with writing(request.output, request.needed_bytes):
        code, words = run(command, job, _progress(job))
    shutil.rmtree(cache, ignore_errors=True)
    target = request.output / "model.onnx"
    if code != 0 or not target.is_file():
        raise explain(TITLE, code, words)
    job.check_cancelled()
    _mend(request)
    copy_companions(request.source, request.output)
    return Converted(target, {name: metadata.version(name) for name in ("onnxruntime-genai", "transformers")})


def _mend(request: ConvertRequest) -> None:
    """ONNX Runtime refuses attention with small heads as the builder writes it."""
    target, model = read_model(request.output / "model.onnx")
    if take_rotary_out(model):
        target.with_name(f"{target.name}.data").unlink(missing_ok=True)  # it is in memory, and else grows
        write_model(model, target, beside=True)


def _progress(job: JobContext) -> Callable[[str], None]:
    def hear(line: str) -> None:
        share = _SHARE.search(line)
        if share:
            job.emit(Progress(int(share[1]) / 100, "Writing ONNX"))
        elif line.startswith("Reading"):
            job.emit(Progress(None, line))

    return hear
