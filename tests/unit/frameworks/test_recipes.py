"""A manifest promises precisions; the adapter's table of recipes must hold each of them, and no other."""

from __future__ import annotations

from types import ModuleType

import pytest

from backends.domain.model import ModelKind
from backends.frameworks import registry
from backends.frameworks.onnxruntime import recipes as onnxruntime_recipes
from backends.frameworks.openvino import recipes as openvino_recipes


@pytest.mark.parametrize(
    ("name", "recipes"), [("onnxruntime", onnxruntime_recipes), ("openvino", openvino_recipes)]
)
def test_every_promised_precision_has_a_recipe(name: str, recipes: ModuleType) -> None:
    manifest = registry.manifest(name)
    for precision in manifest.precisions:
        for kind in ModelKind:
            promised = kind in precision.kinds
            assert (recipes.maker(precision.name, kind) is not None) == promised, (precision.name, kind)
    for kind, default in manifest.default_precision.items():
        assert recipes.maker(default, ModelKind(kind)) is not None
