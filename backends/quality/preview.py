"""A look at a user's data before it is used: what was read of it, its first samples, and what is wrong.

What makes a file unusable is a BadInput; what only spoils it is a sentence among the problems.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import BadInput
from backends.domain.model import ModelProfile, TensorSpec
from backends.domain.preprocessing import Preprocessing
from backends.quality import data, named, vision
from backends.quality.data import Image, ImageSet
from backends.quality.tasks import Question, read_questions
from backends.quality.texts import LINES, read_texts

SHOWN = 12  # samples
EXCERPT = 240  # characters
LOOKED_AT = 500  # images that are decoded to look for damage; more would hold up the preview
NAMED = 3  # files or shapes that a sentence names
FEW_ITEMS = 50
LEAST_CHARACTERS = 16 * 512 * 2  # 16 windows of 512 tokens, at two characters a token

CountTokens = Callable[[Sequence[str]], list[int]]


class DataForm(StrEnum):
    TEXT = "text"
    TEXTS = "texts"  # JSON Lines, a text each
    TASKS = "tasks"  # JSON Lines, multiple choice
    FOLDER = "image folder"
    NPZ = "npz"
    IDX = "idx"


@dataclass(frozen=True)
class Excerpt:
    text: str
    characters: int  # of the whole
    tokens: int | None = None  # of the whole; None where no tokenizer was asked


@dataclass(frozen=True)
class Sample:
    """An image of the file with the class it is labelled as; ``array`` is (height, width, channels) bytes,
    or what is ready for the model."""

    name: str
    label: str
    array: NDArray[Any]


@dataclass(frozen=True)
class ClassCount:
    name: str
    items: int


@dataclass(frozen=True)
class ShapeCount:
    shape: tuple[int, ...]
    items: int


@dataclass(frozen=True)
class DataPreview:
    """``items``: texts, questions or images. ``ready``: arrays that are what the model takes."""

    path: Path
    form: DataForm
    items: int
    problems: tuple[str, ...] = ()
    characters: int = 0
    excerpts: tuple[Excerpt, ...] = ()
    questions: tuple[Question, ...] = ()
    samples: tuple[Sample, ...] = field(default=(), compare=False)
    labelled: bool = False
    classes: tuple[ClassCount, ...] = ()
    shapes: tuple[ShapeCount, ...] = ()
    looked_at: int = 0  # images whose shape is counted
    ready: bool = False
    preprocessing: Preprocessing | None = None  # what would be done to bytes for this model
    asked_for: Preprocessing | None = None  # what its input's shape asks for, where nothing else is set


def preview(
    path: Path,
    profile: ModelProfile | None = None,
    preprocessing: Preprocessing | None = None,
    count_tokens: CountTokens | None = None,
) -> DataPreview:
    """What is in ``path``, and whether it fits the model. Raises BadInput where it cannot be used at all."""
    form = form_of(path)
    if form in (DataForm.TEXT, DataForm.TEXTS):
        return _texts(path, form, count_tokens)
    if form is DataForm.TASKS:
        return _tasks(path)
    if profile is not None and named.is_named(path, profile.inputs):
        return _named(path, profile)
    return _images(path, form, profile, preprocessing)


def form_of(path: Path) -> DataForm:
    """By the name, and for JSON Lines by what the first line holds."""
    if path.is_dir():
        return DataForm.FOLDER
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return DataForm.NPZ
    if "idx" in path.name:
        return DataForm.IDX
    if suffix == LINES:
        return DataForm.TEXTS if _first_keys(path) & {"text"} else DataForm.TASKS
    return DataForm.TEXT


def _first_keys(path: Path) -> set[str]:
    """Of the first line that is not empty; a file that cannot be read is left to its reader to refuse."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = json.loads(next((line for line in file if line.strip()), "{}"))
    except (OSError, ValueError, RecursionError):
        return set()
    return set(first) if isinstance(first, dict) else set()


def _texts(path: Path, form: DataForm, count_tokens: CountTokens | None) -> DataPreview:
    texts = read_texts(path)
    shown = texts[:SHOWN] if form is DataForm.TEXTS else _paragraphs(texts[0])
    tokens: Sequence[int | None] = count_tokens(shown) if count_tokens else [None] * len(shown)
    characters = sum(map(len, texts))
    excerpts = tuple(
        Excerpt(text[:EXCERPT], len(text), count) for text, count in zip(shown, tokens, strict=True)
    )
    return DataPreview(
        path, form, len(texts), tuple(_text_problems(texts, characters)), characters, excerpts=excerpts
    )


def _paragraphs(text: str) -> tuple[str, ...]:
    """The first ones of a plain file, parted by empty lines; by lines where there are none."""
    parts = [part.strip() for part in text.split("\n\n") if part.strip()]
    if len(parts) < 2:
        parts = [line.strip() for line in text.split("\n") if line.strip()]
    return tuple(parts[:SHOWN])


def _text_problems(texts: Sequence[str], characters: int) -> Iterator[str]:
    lines = sum(text.count("\n") + 1 for text in texts)
    if lines == 1:
        yield "The file holds one line only."
    if characters < LEAST_CHARACTERS:
        yield (
            f"{characters:,} characters are little: perplexity is scored on 16 windows of 512 tokens, "
            f"which takes about {LEAST_CHARACTERS:,} or more."
        )


def _tasks(path: Path) -> DataPreview:
    questions = read_questions(path)
    gold = Counter(question.gold for question in questions)
    return DataPreview(
        path,
        DataForm.TASKS,
        len(questions),
        tuple(_task_problems(questions, gold)),
        questions=questions[:SHOWN],
        labelled=True,
        classes=tuple(ClassCount(f"answer {index + 1}", gold[index]) for index in sorted(gold)),
    )


def _task_problems(questions: Sequence[Question], gold: Counter[int]) -> Iterator[str]:
    count = len(questions)
    if count == 1:
        yield "One question decides nothing."
    elif count < FEW_ITEMS:
        yield f"{count} questions are few: hardly any gate can be decided with them."
    if count > 1 and len(gold) == 1:
        yield f"The right answer is number {next(iter(gold)) + 1} every time; a model may learn the place."
    repeated = count - len({(question.query, question.choices) for question in questions})
    if repeated:
        yield f"{repeated} questions are there more than once."


def _named(path: Path, profile: ModelProfile) -> DataPreview:
    """Arrays that are the model's inputs already; what does not fit them is a BadInput."""
    found = named.read(path, profile.inputs)
    only = next(iter(found.arrays.values())) if len(found.arrays) == 1 else None
    labels = None if found.labels is None else tuple(found.labels.tolist())
    images = ImageSet(len(found), lambda part: [] if only is None else list(only[part]), labels, ready=True)
    shown = images.load(slice(0, SHOWN))
    return DataPreview(
        path,
        DataForm.NPZ,
        len(found),
        tuple(_label_problems(images, profile)),
        samples=tuple(_sample(images, index, array) for index, array in enumerate(shown)),
        labelled=labels is not None,
        classes=_classes(images),
        shapes=tuple(ShapeCount(array.shape[1:], len(found)) for array in found.arrays.values()),
        looked_at=len(found),
        ready=True,
    )


def _images(
    path: Path, form: DataForm, profile: ModelProfile | None, preprocessing: Preprocessing | None
) -> DataPreview:
    images = data.read_images(path)
    spec = profile.inputs[0] if profile is not None and len(profile.inputs) == 1 else None
    looked = _look(images)
    if not looked.arrays:
        raise BadInput(f"No image of {path} can be decoded.", "Remove or replace them.")
    asked = data.preprocessing_for(spec, looked.arrays[0][1]) if spec and not images.ready else None
    wanted = preprocessing or asked
    problems = [
        *looked.problems,
        *_label_problems(images, profile),
        *_fit_problems(looked.arrays[0][1], images, spec, wanted),
    ]
    return DataPreview(
        path,
        form,
        images.size,
        tuple(problems),
        samples=tuple(_sample(images, index, array) for index, array in looked.arrays[:SHOWN]),
        labelled=images.labels is not None,
        classes=_classes(images),
        shapes=tuple(ShapeCount(shape, count) for shape, count in looked.shapes.most_common()),
        looked_at=looked.count,
        ready=images.ready,
        preprocessing=wanted,
        asked_for=asked,
    )


@dataclass
class _Look:
    """``arrays``: the first that can be decoded, with their index."""

    arrays: list[tuple[int, NDArray[Any]]] = field(default_factory=list)
    shapes: Counter[tuple[int, ...]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    count: int = 0


def _look(images: ImageSet) -> _Look:
    """Samples spread over all classes: folders are sorted by them."""
    found, damaged = _Look(), list[str]()
    count = min(images.size, LOOKED_AT)
    chosen = [index * images.size // count for index in range(count)]
    shown = set(chosen[:: max(1, count // SHOWN)])
    for index in chosen:
        try:
            array = images.load(slice(index, index + 1))[0]
        except BadInput:
            damaged.append(images.names[index] if images.names else str(index))
            continue
        found.shapes[array.shape] += 1
        if index in shown:
            found.arrays.append((index, array))
    found.count = count
    if damaged:
        names = ", ".join(damaged[:NAMED]) + (", …" if len(damaged) > NAMED else "")
        found.problems.append(f"{len(damaged)} of {count} images cannot be decoded: {names}.")
    if len(found.shapes) > 1:
        found.problems.append(f"The images have {len(found.shapes)} sizes; all are resized to one.")
    return found


def _sample(images: ImageSet, index: int, array: NDArray[Any]) -> Sample:
    name = images.names[index] if images.names else f"{index + 1}"
    label = "" if images.labels is None else class_name(images, images.labels[index])
    return Sample(name, label, array)


def class_name(images: ImageSet, label: int) -> str:
    return images.classes[label] if label < len(images.classes) else str(label)


def _classes(images: ImageSet) -> tuple[ClassCount, ...]:
    counts = Counter(images.labels or ())
    known = range(len(images.classes)) if images.classes else sorted(counts)
    return tuple(ClassCount(class_name(images, label), counts[label]) for label in known)


def _label_problems(images: ImageSet, profile: ModelProfile | None) -> Iterator[str]:
    if images.labels is None:
        yield "There are no labels: fidelity to the original is measured, not accuracy."
        return
    empty = [found.name for found in _classes(images) if not found.items]
    if empty:
        yield f"{len(empty)} classes have no image: {', '.join(empty[:NAMED])}."
    if images.size < FEW_ITEMS:
        yield f"{images.size} items are few: hardly any gate can be decided with them."
    last = profile.outputs[0].shape[-1:] if profile is not None and len(profile.outputs) == 1 else ()
    classes = last[0] if last and isinstance(last[0], int) and last[0] > 1 else None
    highest = max(images.labels)
    if classes is not None and highest >= classes:
        yield f"Labels reach {highest}, but the model tells {classes} classes, 0 to {classes - 1}."


def _fit_problems(
    first: NDArray[Any], images: ImageSet, spec: TensorSpec | None, preprocessing: Preprocessing | None
) -> Iterator[str]:
    """Whether what the model would get has the shape it takes."""
    if spec is None:
        return
    try:
        batch = first[np.newaxis] if images.ready or preprocessing is None else _batch(preprocessing, first)
        vision.check_fits(batch, spec)
    except BadInput as error:
        yield str(error)


def _batch(preprocessing: Preprocessing, image: Image) -> NDArray[Any]:
    return data.prepare(preprocessing, [image])


def picture(array: NDArray[Any]) -> NDArray[np.uint8] | None:
    """(height, width, 1 or 3) bytes to show of a sample; ``None`` where an array is no image."""
    if array.dtype == np.uint8:
        return array
    flat = array[np.newaxis] if array.ndim == 2 else array
    if flat.ndim != 3 or flat.shape[0] not in (1, 3):
        return None
    return _spread(np.asarray(flat, dtype=float).transpose(1, 2, 0))


def as_the_model_gets_it(
    preprocessing: Preprocessing, image: Image
) -> tuple[NDArray[np.uint8], float, float]:
    """A picture of the model's input, (height, width, 1 or 3) bytes, with its lowest and highest value.

    Values are spread over the whole range of bytes, and channels stay in the order the model gets them.
    """
    flat = replace(preprocessing, layout="NHWC", dtype="float64")
    values = data.prepare(flat, [image])[0]
    return _spread(values), float(values.min()), float(values.max())


def _spread(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    shares = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return np.asarray(255 * shares + 0.5, dtype=np.uint8)
