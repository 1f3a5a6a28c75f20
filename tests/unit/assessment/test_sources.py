"""Contents and hashes for adapters, bundles, and what the user's path becomes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.assessment.assess import assess
from backends.assessment.bundled import bundled_models, read_bundle
from backends.assessment.contents import contents, hashes
from backends.assessment.source import source_model
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat
from tests.unit.assessment.builders import REPOSITORY, make_gguf, make_hf, make_ir, make_onnx, make_tflite


@pytest.mark.parametrize(
    ("make", "name", "form"),
    [
        (make_gguf, "m.gguf", ModelFormat.GGUF),
        (make_onnx, "m.onnx", ModelFormat.ONNX),
        (make_ir, "m.xml", ModelFormat.OPENVINO),
        (make_tflite, "m.tflite", ModelFormat.TFLITE),
    ],
)
def test_contents_of_a_file_or_its_folder(
    tmp_path: Path, make: Callable[[Path], Path], name: str, form: ModelFormat
) -> None:
    path = make(tmp_path / name)
    assert contents(path, form) == contents(tmp_path, form) == assess(path).contents


def test_contents_of_a_checkpoint(tmp_path: Path) -> None:
    folder = make_hf(tmp_path)
    make_gguf(folder / "m.gguf")
    assert contents(folder, ModelFormat.HUGGING_FACE).tensor_types == {"BF16": 5}
    assert contents(folder, ModelFormat.GGUF).tensor_types["F32"] == 3
    with pytest.raises(BadInput):
        contents(folder, ModelFormat.ONNX)


def test_hashes_of_a_folder_and_of_a_file_with_its_weights(tmp_path: Path) -> None:
    path = make_ir(tmp_path / "m.xml")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.json").write_text("{}")
    expected = {
        name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("m.xml", "m.bin")
    }
    assert hashes(path) == expected
    assert hashes(tmp_path) == {**expected, "sub/x.json": hashlib.sha256(b"{}").hexdigest()}


def test_hashes_follow_no_link_outside(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "loop").symlink_to(tmp_path)
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(BadInput, match="outside"):
        hashes(tmp_path / "folder")


BUNDLE = """
name = "Tiny"
description = "For tests."
kind = "language"
chosen = "gguf"
[forms]
gguf = "tiny.gguf"
hf = "hf"
[data]
tasks = "tasks.jsonl"
[input_scale]
x = 0.5
"""


def _bundle(folder: Path, text: str = BUNDLE) -> Path:
    make_hf(folder / "hf")
    make_gguf(folder / "tiny.gguf")
    (folder / "tasks.jsonl").write_text("{}")
    (folder / "model.toml").write_text(text)
    return folder


def test_a_bundle_has_all_its_forms(tmp_path: Path) -> None:
    folder = _bundle(tmp_path / "models" / "tiny")
    (found,) = bundled_models(tmp_path)
    assert (found.name, found.bundled, found.description) == ("Tiny", True, "For tests.")
    assert found.forms == {ModelFormat.GGUF: folder / "tiny.gguf", ModelFormat.HUGGING_FACE: folder / "hf"}
    assert found.profile.path == folder / "tiny.gguf"
    assert (found.tasks, found.evaluation) == (folder / "tasks.jsonl", None)
    assert found.input_scale == {"x": 0.5}
    assert source_model(folder).forms == found.forms
    assert not source_model(folder).bundled


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "Tiny"', ""),
        ('chosen = "gguf"', 'chosen = "onnx"'),
        ('kind = "language"', 'kind = "vision"'),
        ('"tiny.gguf"', '"missing.gguf"'),
        ('"tiny.gguf"', '"../tiny.gguf"'),
        ('"hf"', '"../.."'),
        ('gguf = "tiny.gguf"', 'coreml = "tiny.gguf"'),
        ('"tasks.jsonl"', '"/etc/passwd"'),
        ('"tasks.jsonl"', "5"),
        ("x = 0.5", 'x = "half"'),
        ("[forms]", "[forms"),
    ],
)
def test_a_wrong_bundle_says_so(tmp_path: Path, old: str, new: str) -> None:
    folder = _bundle(tmp_path / "tiny", BUNDLE.replace(old, new))
    with pytest.raises(BadInput, match=r"model\.toml"):
        read_bundle(folder)


def test_a_users_file_is_a_source_with_one_form(tmp_path: Path) -> None:
    path = make_onnx(tmp_path / "m.onnx")
    source = source_model(path)
    assert source.forms == {ModelFormat.ONNX: path}
    assert (source.name, source.bundled) == ("m", False)


SHIPPED = sorted((REPOSITORY / "resources" / "models").glob("*/model.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_bundles_we_ship_are_whole(path: Path) -> None:
    source = read_bundle(path.parent, bundled=True)
    assert source.profile.contents.parameters > 0
    assert source.tasks is not None
    assert source.calibration is not None
    for form, place in source.forms.items():
        assert contents(place, form).parameters > 0
