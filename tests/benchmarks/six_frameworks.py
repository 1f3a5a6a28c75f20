"""``python -m tests.benchmarks.six_frameworks OUT``: one model in six frameworks, and proof of it.

The language models go from their Hugging Face folder into every framework, unquantized where the framework
has that, and at smaller precisions, each with the figures against Transformers on fixed ids. ResNet20 goes
into those that take image models, with its top-1 on the 1,000 sample images beside the original's. Everything
is done by the product's own actions. OUT gets ``six_frameworks.json`` and ``six_frameworks.txt``; a framework
whose environment is missing is a row that says so. Takes some ten minutes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from backends.actions.artifacts import original_artifact
from backends.actions.assess import assess
from backends.actions.engines import opener
from backends.actions.quantize import quantize
from backends.cli_text import table
from backends.domain.artifact import Artifact, Configuration
from backends.domain.errors import EdgewrightError
from backends.domain.model import ModelKind, SourceModel
from backends.frameworks import registry
from backends.jobs.context import Context
from backends.quality import vision
from backends.quality.data import preprocessing_for, read_images
from backends.storage.paths import resources
from tests.conftest import SHARED_DATA

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what ResNet20 was trained with
IN_ALL_SIX = ("llamacpp", "onnxruntime", "openvino", "olive", "mlx", "qnn")
IMAGE_FRAMEWORKS = ("onnxruntime", "openvino", "olive", "qnn")
PRECISIONS = {
    "llamacpp": ("F16", "Q8_0", "Q4_0"),
    "onnxruntime": ("FP32", "INT8", "INT4"),
    "openvino": ("FP32", "INT8", "INT4_SYM"),
    "olive": ("FP32", "INT8", "INT4"),
    "mlx": ("fp16", "8bit", "4bit"),
    "qnn": ("A16W8",),
}
IMAGE_PRECISIONS = {
    "onnxruntime": ("INT8_STATIC", "INT8_DYNAMIC"),
    "openvino": ("FP32", "INT8", "INT8_PTQ"),
    "olive": ("INT8_STATIC", "INT8_DYNAMIC"),
    "qnn": ("A16W8", "MIXED", "INT8"),
}
CALIBRATION_EVERY = 10  # of the sample images, every tenth


@dataclass(frozen=True)
class Row:
    """``figures``: sentences on the conversions and on the artifact itself; ``failed``: why there is none."""

    model: str
    framework: str
    precision: str
    in_the_file: str = ""
    size_bytes: int = 0
    top1_agreement: float | None = None
    max_abs_difference: float | None = None
    same_tokens: bool | None = None
    top1_accuracy: float | None = None
    figures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    failed: str = ""
    took_s: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.six_frameworks")
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", choices=("language", "image"), help="one half of it")
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for row in all_rows(chosen.only):
        sys.stderr.write(f"{row.model} {row.framework} {row.precision} {row.took_s:.0f} s {row.failed}\n")
        rows.append(row)
        save(rows, chosen.out)
    sys.stdout.write(text(rows) + "\n")
    return 0


def all_rows(only: str | None) -> Iterator[Row]:
    if only != "image":
        for folder in (SHARED_DATA / "stories260k" / "hf", resources() / "models" / "edgewright-lm" / "hf"):
            yield from language_rows(folder)
    if only != "language":
        yield from image_rows(SHARED_DATA / "resnet20-cifar10" / "resnet20_cifar10.onnx")


def language_rows(folder: Path) -> Iterator[Row]:
    if not folder.is_dir():
        yield Row(folder.name, "", "", failed=f"“{folder}” is not there.")
        return
    source = assess(folder, quiet())
    for framework in IN_ALL_SIX:
        for precision in PRECISIONS[framework]:
            yield row_of(source, framework, precision)


def image_rows(model: Path) -> Iterator[Row]:
    if not model.is_file():
        yield Row(model.stem, "", "", failed=f"“{model}” is not there.")
        return
    with tempfile.TemporaryDirectory(prefix="edgewright-") as scratch:
        found = assess(model, quiet())
        images = prepared(found, Path(scratch))
        source = replace(found, calibration=calibration(images, Path(scratch)))
        original = original_artifact(source)
        yield Row(source.name, "original", original.precision, top1_accuracy=accuracy(original, images))
        for framework in IMAGE_FRAMEWORKS:
            for precision in IMAGE_PRECISIONS[framework]:
                yield row_of(source, framework, precision, images)


def row_of(
    source: SourceModel, framework: str, precision: str, images: vision.TensorMaterial | None = None
) -> Row:
    """Made, held against its source and, with labelled ``images``, scored."""
    began = time.monotonic()
    title = registry.manifest(framework).title
    folder = Path(tempfile.mkdtemp(prefix="edgewright-"))
    try:
        made = quantize(source, framework, precision, folder / "made", quiet())
        found = filled(Row(source.name, title, precision), made)
        scored = accuracy(made, images) if images else None
        return replace(found, top1_accuracy=scored, took_s=time.monotonic() - began)
    except EdgewrightError as error:
        return Row(source.name, title, precision, failed=str(error), took_s=time.monotonic() - began)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def filled(row: Row, made: Artifact) -> Row:
    types = ", ".join(f"{name} {count}" for name, count in made.contents.tensor_types.items())
    own = made.sameness[-1] if made.sameness else None
    return replace(
        row,
        in_the_file=f"{types}; {made.contents.bits_per_weight:.2f} bits per weight",
        size_bytes=made.size_bytes,
        top1_agreement=own.top1_agreement if own else None,
        max_abs_difference=own.max_abs_difference if own else None,
        same_tokens=own.same_tokens if own else None,
        figures=tuple(
            f"{one.converter}: {one.compared}: top-1 {one.top1_agreement}, {one.max_abs_difference:.3g}"
            for one in made.sameness
        ),
        warnings=made.warnings,
    )


def prepared(source: SourceModel, scratch: Path) -> vision.TensorMaterial:
    images = read_images(SHARED_DATA / "cifar10-sample")
    spec = source.profile.inputs[0]
    steps = preprocessing_for(spec, images.load(slice(0, 1))[0], mean=MEAN, std=STD)
    return vision.prepare(images, spec, steps, scratch, quiet())


def calibration(images: vision.TensorMaterial, scratch: Path) -> Path:
    """Some of the images themselves: there are no others. It decides ranges, and sees no label."""
    arrays = [array for path in images.batches for array in vision.read_outputs(path).values()]
    path = scratch / "calibration.npz"
    np.savez(path, allow_pickle=False, images=np.concatenate(arrays)[::CALIBRATION_EVERY])
    return path


def accuracy(made: Artifact, images: vision.TensorMaterial) -> float:
    """Top-1 over all images, through the framework's own engine."""
    assert made.kind is ModelKind.VISION
    with tempfile.TemporaryDirectory(prefix="edgewright-") as scratch:
        with closing(opener(quiet())(Configuration(made))) as engine:
            outputs = vision.run(engine, images, Path(scratch), quiet())
        found = vision.answers(outputs, images.labels)
    assert found is not None
    return float(np.mean(found.right()))


def text(rows: Sequence[Row]) -> str:
    header = ["model", "framework", "precision", "MB", "agreement", "difference", "top-1", "in the file"]
    lines = [
        [
            row.model,
            row.framework,
            row.precision,
            f"{row.size_bytes / 1e6:.2f}" if row.size_bytes else "",
            "" if row.top1_agreement is None else f"{row.top1_agreement:.1%}",
            "" if row.max_abs_difference is None else f"{row.max_abs_difference:.2g}",
            "" if row.top1_accuracy is None else f"{row.top1_accuracy:.1%}",
            "none, see below" if row.failed else row.in_the_file,
        ]
        for row in rows
    ]
    notes = [
        f"{row.model}, {row.framework} {row.precision}: {word}"
        for row in rows
        for word in (*row.figures[:-1], *row.warnings, row.failed)  # the last figures are in the table
        if word
    ]
    return "\n".join([table(header, lines), *notes])


def save(rows: Sequence[Row], out: Path) -> None:
    document = json.dumps([asdict(row) for row in rows], indent=1)
    (out / "six_frameworks.json").write_text(document + "\n", encoding="utf-8")
    (out / "six_frameworks.txt").write_text(text(rows) + "\n", encoding="utf-8")


def quiet() -> Context:
    return Context(lambda _: None)


if __name__ == "__main__":
    raise SystemExit(main())
