"""How many items the accuracy gate takes is said before anything is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.actions.material import Material, sample_plan
from backends.domain.metric import ChoiceItem, TensorWorkload, TokenWorkload
from backends.quality.harness import LanguageMaterial
from backends.quality.vision import TensorMaterial

WORDS = TokenWorkload((1, 2, 3), 8)


def questions(count: int) -> Material:
    return Material(WORDS, LanguageMaterial((ChoiceItem((1,), ((2,), (3,)), 0),) * count))


def images(count: int, labels: bool) -> Material:
    labelled = (0,) * count if labels else None
    return Material(TensorWorkload(Path("one.npz")), tensor=TensorMaterial((), count, labelled))


def test_few_items_are_said_to_decide_nothing_for_certain() -> None:
    assert sample_plan(questions(20), 0.95).startswith('20 items may end "inconclusive"')
    assert sample_plan(questions(5000), 0.95).startswith("5,000 items are enough")


@pytest.mark.parametrize(("labels", "told"), [(True, True), (False, False)])
def test_images_count_where_they_are_labelled(labels: bool, told: bool) -> None:
    assert bool(sample_plan(images(1000, labels), 0.95)) is told


def test_the_threshold_is_that_of_the_gate() -> None:
    assert "90% accuracy gate" in sample_plan(questions(100), 0.9)
    assert sample_plan(Material(WORDS), 0.95) == "", "a shape-only model has nothing to score"
