"""Options as data: each manifest's are sound, and what does not fit is said in a sentence."""

from __future__ import annotations

import pytest

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.domain.model import ModelKind
from backends.frameworks import registry
from backends.frameworks.base import Manifest
from backends.frameworks.options import CHOICE, FLAG, NUMBER, TEXT, WHOLE, OptionSpec, settled

LANGUAGE, VISION = ModelKind.LANGUAGE, ModelKind.VISION

SPECS = (
    OptionSpec("pure", FLAG, "", default=False),
    OptionSpec("group", CHOICE, "", default=32, choices=(-1, 32, 64), precisions=("INT4",)),
    OptionSpec("chunks", WHOLE, "", least=1),
    OptionSpec("ratio", NUMBER, "", least=0.0, most=1.0),
    OptionSpec("flash", CHOICE, "", choices=("auto", True, False), kinds=(LANGUAGE,)),
    OptionSpec("folder", TEXT, ""),
    OptionSpec("dim.*", WHOLE, "", least=1),
)


def settle(
    given: dict[str, Option], kind: ModelKind = LANGUAGE, precision: str = "INT4"
) -> dict[str, Option]:
    return settled(SPECS, given, kind, "Framework", precision)


def test_defaults_stand_where_nothing_is_given() -> None:
    assert settle({}) == {"pure": False, "group": 32}
    assert settle({}, precision="INT8") == {"pure": False}


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("pure", True, True),
        ("group", -1, -1),
        ("group", "64", 64),
        ("ratio", 1, 1),
        ("flash", True, True),
        ("flash", "AUTO", "auto"),
        ("folder", 7, "7"),
        ("dim.height", 32, 32),
    ],
)
def test_values_that_will_do(name: str, value: Option, kept: Option) -> None:
    found = settle({name: value})[name]
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("pure", "yes", "true or false"),
        ("pure", 1, "true or false"),
        ("group", 48, "one of: -1, 32, 64"),
        ("chunks", 0, "a whole number, 1 or more"),
        ("chunks", True, "a whole number"),
        ("chunks", 1.5, "a whole number"),
        ("ratio", 1.5, "a number from 0 to 1"),
        ("ratio", float("nan"), "a number from 0 to 1"),
        ("ratio", "half", "a number"),
        ("flash", "maybe", "one of: auto, true, false"),
        ("dim.height", 0, "1 or more"),
    ],
)
def test_values_that_will_not_do(name: str, value: Option, remedy: str) -> None:
    with pytest.raises(BadInput, match=f"“{name}” cannot be “{value}”") as caught:
        settle({name: value})
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("given", "kind", "precision"),
    [
        ({"colour": "red"}, LANGUAGE, "INT4"),
        ({"group": 32}, LANGUAGE, "INT8"),
        ({"flash": True}, VISION, "INT4"),
        ({"dim.": 1}, LANGUAGE, "INT4"),
    ],
)
def test_what_does_nothing_is_refused(given: dict[str, Option], kind: ModelKind, precision: str) -> None:
    with pytest.raises(BadInput, match="no option “") as caught:
        settle(given, kind, precision)
    assert "pure" in caught.value.remedy


def test_a_manifest_without_options_leaves_them_to_its_adapter() -> None:
    assert settled((), {"anything": 1}, LANGUAGE, "Framework") == {"anything": 1}


@pytest.fixture(params=[manifest.name for manifest in registry.manifests()])
def manifest(request: pytest.FixtureRequest) -> Manifest:
    return registry.manifest(request.param)


def test_options_of_the_manifests_are_sound(manifest: Manifest) -> None:
    for specs in (manifest.options, manifest.load_options):
        assert len({spec.name for spec in specs}) == len(specs)
        for spec in specs:
            assert spec.note.endswith("."), spec.name
            assert set(spec.kinds) & set(manifest.kinds), spec.name
            assert all(manifest.precision(name) for name in spec.precisions), spec.name
            assert bool(spec.choices) == (spec.kind == CHOICE), spec.name
            if spec.default is not None:
                assert spec.checked(spec.name, spec.default) == spec.default


def test_what_acceleration_tries_can_be_set(manifest: Manifest) -> None:
    if not manifest.load_options:
        pytest.skip(f"{manifest.title} describes no load options")
    for knob in manifest.acceleration:
        for choice in knob.choices:
            for kind in knob.kinds:
                assert manifest.load_settings(choice, kind).items() >= choice.items()
