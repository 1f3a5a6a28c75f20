"""Artifacts on disk: a folder with the model and an ``artifact.json`` that says what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from backends.assessment.onnx_names import external_files
from backends.assessment.source import source_model
from backends.codec import from_plain, to_plain
from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, ModelKind, SourceModel
from backends.frameworks import registry
from backends.frameworks.base import Manifest
from backends.storage.files import write_text

DESCRIPTION = "artifact.json"
Reader = Callable[[Path], SourceModel]

# Which framework runs the unquantized model that everything is compared with, by the form it is there in.
ORIGINAL_RUNNERS = {
    ModelFormat.GGUF: "llamacpp",
    ModelFormat.ONNX: "onnxruntime",
    ModelFormat.OPENVINO: "openvino",
    ModelFormat.TFLITE: "openvino",
    ModelFormat.MLX: "mlx",
    ModelFormat.QNN_CONTEXT: "qnn",
}
TRANSFORMERS = "transformers"  # to whom a converted Hugging Face folder is said to belong; it runs none


def save_artifact(folder: Path, artifact: Artifact) -> None:
    """Write the description; the path inside is relative, so that the folder may be moved."""
    inside = replace(artifact, path=artifact.path.relative_to(folder))
    write_text(folder / DESCRIPTION, json.dumps(to_plain(inside), indent=1) + "\n")


def load_artifact(path: Path) -> Artifact:
    """An artifact folder, or any model file or folder as it is. Raises BadInput for anything else."""
    description = path / DESCRIPTION
    if not description.is_file():
        return original_artifact(source_model(path))
    try:
        stored = from_plain(json.loads(description.read_text(encoding="utf-8")), Artifact)
    except Exception as error:  # cattrs raises many kinds; all mean the same to the user
        raise BadInput(
            f"The description “{description}” cannot be read.", "Make the artifact again."
        ) from error
    inside = (path / stored.path).resolve()
    if not inside.is_relative_to(path.resolve()) or not inside.exists():
        raise BadInput(
            f"“{description}” names a model that is not in its folder.", "Make the artifact again."
        )
    return replace(stored, path=inside)


def original_artifact(source: SourceModel, read: Reader = source_model) -> Artifact:
    """The source itself as a runnable artifact, in the first of its forms that a framework runs directly.

    ``read`` assesses that form where it is not the one that was chosen.
    """
    for form, framework in ORIGINAL_RUNNERS.items():
        if form in source.forms:
            return _as_artifact(source, form, registry.manifest(framework), read)
    forms = ", ".join(form.label for form in source.forms)
    raise BadInput(
        f"“{source.name}” is there as {forms} only, which no framework runs directly.",
        "Convert it to GGUF or ONNX first.",
    )


def _as_artifact(source: SourceModel, form: ModelFormat, runner: Manifest, read: Reader) -> Artifact:
    profile = source.profile
    path = source.forms[form]
    if form != profile.format:
        profile = read(path).profile
    return Artifact(
        name=source.name,
        framework=runner.name,
        framework_title=runner.title,
        precision=profile.precision,
        format=form,
        kind=profile.kind if profile.kind != ModelKind.TENSOR else source.profile.kind,
        path=path,
        size_bytes=profile.size_bytes,
        contents=profile.contents,
        source=path,
        original=True,
        warnings=profile.warnings,
        shape_only=profile.shape_only,
    )


def files_of(path: Path) -> tuple[Path, ...]:
    """Of a model: a file with its weights, whatever their names are, or all files of a folder."""
    if path.is_dir():
        return tuple(file for file in path.rglob("*") if file.is_file())
    beside = external_files(path) if path.suffix.lower() == ".onnx" else (path.with_suffix(".bin"),)
    return (path, *(file for file in beside if file.is_file()))


def size_of(path: Path) -> int:
    """Bytes of a model with all its files."""
    return sum(file.stat().st_size for file in files_of(path))
