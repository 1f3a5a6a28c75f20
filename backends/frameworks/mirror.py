"""A model folder as converters and adapters get it to see: without the Python that came with it.

Some of them hand ``trust_remote_code=True`` to Transformers somewhere inside, so that no setting of theirs
is relied upon: what is not there cannot be run.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from backends.domain.artifact import Artifact
from backends.domain.finetuning import FineTuned
from backends.domain.model import ModelFormat
from backends.frameworks.base import FinetuneRequest, JobContext, OptimizeRequest
from backends.frameworks.converters.base import ConvertRequest, OutputsRequest, ReferenceRequest
from backends.frameworks.files import scratch_in

CONFIG = "config.json"
CODE_KEYS = frozenset({"auto_map", "custom_pipelines"})  # under these Transformers looks for Python to import
CODE_SUFFIX = ".py"
KEPT_SUFFIXES = frozenset({".safetensors", ".json", ".model", ".txt", ".jinja"})


def codeless(work: Callable[..., Any], request: Any, job: JobContext) -> Any:
    """``work`` on a model folder without its Python; what it answers names the user's own folder."""
    if not _reads_a_folder(request):
        return work(request, job)
    with without_code(request.source, request.output) as source:
        made = work(replace(request, source=source), job)
    if isinstance(made, Artifact):
        return replace(made, source=request.source)
    if isinstance(made, FineTuned):
        return replace(made, artifact=replace(made.artifact, source=request.source))
    return made


def _reads_a_folder(request: Any) -> bool:
    """Of a model in ONNX, a configuration beside it is nobody's to import from."""
    if isinstance(request, OptimizeRequest):
        return request.source_format in (ModelFormat.HUGGING_FACE, ModelFormat.MLX)
    return isinstance(request, FinetuneRequest | ConvertRequest | ReferenceRequest | OutputsRequest)


@contextmanager
def without_code(source: Path, output: Path) -> Iterator[Path]:
    """``source`` itself, or where it brings code a folder of the same name without it, gone afterwards.

    The mirror lies in ``output`` where the job has one. Weights are linked, and copied only where the disk
    has no links. What has no configuration is no such folder, and stays as it is.
    """
    if not brings_code(source):
        yield source
        return
    place = output if output.name else Path(tempfile.gettempdir())
    with scratch_in(place) as scratch:
        mirror = scratch / source.resolve().name
        for path in _files(source):
            if path.suffix.lower() in KEPT_SUFFIXES:
                target = mirror / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                _keep(path, target)
        yield mirror


def brings_code(folder: Path) -> bool:
    """Whether a model folder holds Python, or a configuration in it asks for some."""
    if not (folder / CONFIG).is_file():
        return False
    return any(path.suffix.lower() == CODE_SUFFIX or _asks(path) for path in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _is_configuration(path: Path) -> bool:
    return path.name.lower().endswith(CONFIG)


def _asks(path: Path) -> bool:
    if not _is_configuration(path):
        return False
    content = _read(path)
    return content is None or _cleaned(content) != content


def _keep(path: Path, target: Path) -> None:
    if not _is_configuration(path):
        _link(path.resolve(), target)  # the Hub's own cache holds links to its files
    elif (content := _read(path)) is not None:
        target.write_text(json.dumps(_cleaned(content), indent=2), encoding="utf-8")


def _read(path: Path) -> Any:
    """``None`` for what is no JSON: it is left out, since nobody can say what a reader makes of it."""
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None


def _cleaned(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _cleaned(value) for key, value in content.items() if key not in CODE_KEYS}
    return [_cleaned(value) for value in content] if isinstance(content, list) else content


def _link(path: Path, target: Path) -> None:
    for make in (os.link, os.symlink):
        try:
            make(path, target)
        except OSError:  # another disk, or a system on which links take a right of their own
            continue
        return
    shutil.copyfile(path, target)
