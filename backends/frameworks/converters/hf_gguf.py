"""Hugging Face to GGUF: llama.cpp's own script, of the version of llama.cpp that will run the model."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from importlib import metadata

from backends.domain.events import Progress
from backends.domain.model import SHAPE_ONLY_WORDS
from backends.frameworks.base import JobContext
from backends.frameworks.converters.base import Converted, ConvertRequest
from backends.frameworks.converters.explaining import explain
from backends.frameworks.converters.running import run
from backends.frameworks.files import writing

TITLE = "llama.cpp's converter"
SCRIPT = "convert_hf_to_gguf.py"
# The type that loses nothing; mixed and quantized weights become F32 out of what their packing allows.
_TYPES = {"F16": "f16", "BF16": "bf16"}
_SHARE = re.compile(r"Writing:\s+(\d+)%")


def convert(request: ConvertRequest, job: JobContext) -> Converted:
    """Raises BadInput for what the script does not know, JobFailed for all else."""
    assert request.tool is not None
    target = request.output / "model.gguf"
    command = [
        *(sys.executable, str(request.tool / SCRIPT), str(request.source)),
        *("--outfile", str(target), "--outtype", _TYPES.get(request.precision, "f32")),
        *("--model-name", request.name),
    ]
    if request.shape_only:
        described = request.output / ".metadata.json"
        described.write_text(json.dumps({"general.description": SHAPE_ONLY_WORDS}), encoding="utf-8")
        command += ["--metadata", str(described)]
    with writing(request.output, request.needed_bytes):
        code, words = run(command, job, _progress(job))
    if code != 0 or not target.is_file():
        raise explain(TITLE, code, words)
    return Converted(target, {name: metadata.version(name) for name in ("torch", "transformers")})


def _progress(job: JobContext) -> Callable[[str], None]:
    def hear(line: str) -> None:
        share = _SHARE.search(line)
        if share:
            job.emit(Progress(int(share[1]) / 100, "Writing GGUF"))
        elif "Loading model" in line:
            job.emit(Progress(None, "Reading the model"))

    return hear
