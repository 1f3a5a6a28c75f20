"""What a precision and its options mean to MLX."""

from __future__ import annotations

import pytest

from backends.domain.errors import BadInput
from backends.frameworks import registry
from backends.frameworks.mlx.recipes import Recipe


def test_every_precision_of_the_manifest_is_known() -> None:
    for precision in registry.manifest("mlx").precisions:
        assert Recipe.read(precision.name, {}).quantizes is (precision.family != "original")


def test_options() -> None:
    assert Recipe.read("4bit", {"group_size": 32}) == Recipe(4, 32)
    assert Recipe.read("mixed_4_6", {}).mixed == "mixed_4_6"
    assert Recipe.read("bf16", {"dtype": "float32"}).dtype == "bfloat16"
    assert Recipe.read("8bit", {"dtype": "float32"}).recorded() == {"dtype": "float32", "group_size": 64}


@pytest.mark.parametrize(
    ("precision", "options"), [("5bit", {}), ("4bit", {"group_size": 48}), ("4bit", {"dtype": "int3"})]
)
def test_nonsense_is_bad_input(precision: str, options: dict[str, str | int]) -> None:
    with pytest.raises(BadInput):
        Recipe.read(precision, options)
