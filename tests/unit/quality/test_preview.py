"""What is said of a user's data before it is used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backends.domain.errors import BadInput
from backends.domain.model import ModelProfile, TensorSpec
from backends.domain.preprocessing import Preprocessing
from backends.quality.planning import plan
from backends.quality.preview import DataForm, as_the_model_gets_it, form_of, preview
from backends.quality.texts import read_text, read_texts
from tests.unit.samples import source


@pytest.fixture
def profile() -> ModelProfile:
    """A classifier of 3 classes over 8×8 colour images."""
    spec = TensorSpec("image", "float32", ("n", 3, 8, 8))
    return replace(source().profile, inputs=(spec,), outputs=(TensorSpec("scores", "float32", ("n", 3)),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of 30 images and an empty one, of two sizes, one of them damaged."""
    generator = np.random.default_rng(0)
    for name, size, count in (("cat", 8, 30), ("dog", 12, 30), ("eel", 8, 0)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(count):
            pixels = generator.integers(0, 255, (size, size, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number:02}.png")
    (tmp_path / "pets" / "cat" / "07.png").write_bytes(b"\x89PNG no more")
    return tmp_path / "pets"


def lines(path: Path, *items: Any) -> Path:
    path.write_text("\n".join(json.dumps(item) for item in items), encoding="utf-8")
    return path


def question(number: int, gold: int = 0) -> dict[str, Any]:
    return {"query": f"{number} is", "choices": ["a number", "a fish"], "gold": gold}


def test_a_folder_of_images(folder: Path, profile: ModelProfile) -> None:
    found = preview(folder, profile)
    assert (found.form, found.items, found.labelled) == (DataForm.FOLDER, 60, True)
    assert [(one.name, one.items) for one in found.classes] == [("cat", 30), ("dog", 30), ("eel", 0)]
    assert [(one.shape, one.items) for one in found.shapes] == [((12, 12, 3), 30), ((8, 8, 3), 29)]
    assert {sample.label for sample in found.samples} == {"cat", "dog"}, "samples are of all classes"
    assert found.preprocessing == Preprocessing(8, 8, 3)
    told = " ".join(found.problems)
    assert "1 of 60 images cannot be decoded: cat/07.png." in told
    assert "2 sizes" in told
    assert "1 classes have no image: eel." in told


def test_what_is_set_is_what_is_shown(folder: Path, profile: ModelProfile) -> None:
    wanted = Preprocessing(8, 8, 3, layout="NHWC", mean=(0.5,), std=(0.5,))
    found = preview(folder, profile, wanted)
    assert found.preprocessing == wanted
    assert any("wants (3, 8, 8)" in problem for problem in found.problems)


def test_labels_beyond_the_models_classes(tmp_path: Path, profile: ModelProfile) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, images=np.zeros((60, 8, 8, 3), np.uint8), labels=np.arange(60) % 5)
    assert "Labels reach 4, but the model tells 3 classes, 0 to 2." in preview(path, profile).problems


def test_arrays_of_the_wrong_shape(tmp_path: Path, profile: ModelProfile) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, images=np.zeros((4, 1, 9, 9), np.float32))
    found = preview(path, profile)
    assert found.ready and found.preprocessing is None
    assert any("(1, 9, 9)" in problem and "(3, 8, 8)" in problem for problem in found.problems)
    assert any("no labels" in problem for problem in found.problems)


def test_images_none_of_which_can_be_decoded(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "one.jpg").write_bytes(b"no image")
    with pytest.raises(BadInput, match="can be decoded"):
        preview(tmp_path / "broken")


def test_questions_with_the_gold_answer(tmp_path: Path) -> None:
    path = lines(tmp_path / "tasks.jsonl", *(question(n, n % 2) for n in range(60)))
    found = preview(path)
    assert (found.form, found.items, found.problems) == (DataForm.TASKS, 60, ())
    assert [(one.name, one.items) for one in found.classes] == [("answer 1", 30), ("answer 2", 30)]
    assert found.questions[1].choices[found.questions[1].gold] == "a fish"


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ([question(1)], "One question decides nothing."),
        ([question(n) for n in range(60)], "number 1 every time"),
        ([question(1, n % 2) for n in range(60)], "59 questions are there more than once"),
        ([question(n, n % 2) for n in range(9)], "9 questions are few"),
    ],
)
def test_questions_that_decide_little(tmp_path: Path, items: list[Any], says: str) -> None:
    assert says in " ".join(preview(lines(tmp_path / "tasks.jsonl", *items)).problems)


def test_a_text_with_counted_tokens(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_text("Once there was a bird.\n\nIt sang.\n\n" * 1000, encoding="utf-8")
    found = preview(path, count_tokens=lambda texts: [len(text.split()) for text in texts])
    assert (found.form, found.items, found.problems) == (DataForm.TEXT, 1, ())
    assert [(one.text, one.tokens) for one in found.excerpts[:2]] == [
        ("Once there was a bird.", 5),
        ("It sang.", 2),
    ]


def test_lines_with_a_text_each(tmp_path: Path) -> None:
    path = lines(tmp_path / "texts.jsonl", {"text": "One."}, {"text": "Two."})
    assert form_of(path) is DataForm.TEXTS
    assert preview(path).items == 2
    assert read_text(path) == "One.\nTwo."
    lines(path, {"text": "One."}, {"texts": "Two."})
    with pytest.raises(BadInput, match='line 2: there is no "text"'):
        read_texts(path)


@pytest.mark.parametrize("name", ["empty.txt", "empty.jsonl"])
def test_an_empty_file_cannot_be_used(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(" \n\n")
    with pytest.raises(BadInput, match="empty"):
        preview(tmp_path / name)


def test_a_text_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("Hello.")
    first, second = preview(tmp_path / "one.txt").problems
    assert first == "The file holds one line only."
    assert "6 characters are little" in second


def test_the_picture_of_what_the_model_gets() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[..., 0] = 255
    picture, low, high = as_the_model_gets_it(Preprocessing(2, 2, 3, mean=(0.5,), std=(0.5,)), image)
    assert (low, high) == pytest.approx((-1.0, 1.0))
    assert picture.shape == (2, 2, 3)
    assert picture[0, 0].tolist() == [255, 0, 0]
    swapped, _, _ = as_the_model_gets_it(Preprocessing(2, 2, 3, layout="NCHW", channel_order="BGR"), image)
    assert swapped[0, 0].tolist() == [0, 0, 255]
    even, low, high = as_the_model_gets_it(Preprocessing(2, 2, 1), np.full((4, 4, 1), 51, np.uint8))
    assert even.shape == (2, 2, 1)
    assert (low, high) == pytest.approx((0.2, 0.2))


def test_more_items_decide_more() -> None:
    few, many = plan(200), plan(5_000)
    assert few.passes_from is None and few.fails_below is not None
    assert 0.95 < many.passes_from < 0.975
    assert few.fails_below < many.fails_below < 0.95
    needed = {one.kept: one.items for one in many.needs}
    assert needed[1.0] < needed[0.99] < needed[0.98] < needed[0.97]
    assert plan(needed[0.98]).passes_from <= 0.98 + 1e-9
    assert plan(needed[0.98] - 1).passes_from > 0.98
