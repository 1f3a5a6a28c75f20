"""Models that cannot be used, on the command line: one sentence that names the file, and exit code 2."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from backends import cli
from tests.unit.assessment.builders import (
    LLAMA,
    make_hf,
    make_onnx,
    make_safetensors,
    make_sentencepiece,
)

Make = Callable[[Path], Path]


def missing_shard(folder: Path) -> Path:
    make_hf(folder)
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    return folder


def shard_of_an_index(folder: Path) -> Path:
    make_hf(folder)
    places = {"model.embed_tokens.weight": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return folder


def data_outside(folder: Path) -> Path:
    folder.mkdir()
    path = make_onnx(folder / "model.onnx")
    (folder.parent / "secret.bin").write_bytes(bytes(432))
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    onnx.save(model, path)
    return path


def another_tokenizer(folder: Path) -> Path:
    make_hf(folder)
    make_sentencepiece(folder / "tokenizer.model", 33)
    return folder


def links_in_a_circle(folder: Path) -> Path:
    folder.mkdir()
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    return folder / "a"


def a_folder_that_links_to_itself(folder: Path) -> Path:
    folder.mkdir()
    (folder / "model").symlink_to(folder)
    return folder


def remote_code(folder: Path) -> Path:
    automatic = {"AutoModelForCausalLM": "modeling_toaster.ToasterForCausalLM"}
    return make_hf(folder, {**LLAMA, "model_type": "toaster", "auto_map": automatic})


def tokenizer_with_code(folder: Path) -> Path:
    make_hf(folder)
    (folder / "tokenizer.model").unlink()
    automatic = {"AutoTokenizer": ["tokenization_toaster.Toaster", None]}
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": automatic}))
    return folder


def weights_of_another_model(folder: Path) -> Path:
    make_hf(folder)
    make_safetensors(folder / "model.safetensors", {"model.embed_tokens.weight": ("F32", (30, 64))})
    return folder


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (missing_shard, "1 of 2 safetensors files"),
        (shard_of_an_index, "model-00002-of-00002.safetensors"),
        (data_outside, "outside"),
        (another_tokenizer, "do not belong together"),
        (links_in_a_circle, "cannot be read"),
        (a_folder_that_links_to_itself, "holds no model"),
        (remote_code, "Python code"),
        (tokenizer_with_code, "Python code"),
        (weights_of_another_model, "claims 32 tokens, the weights have 30"),
    ],
)
def test_a_model_that_cannot_be_used(
    make: Make, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make(tmp_path / "model")
    refused(capsys, sentence, "convert", str(model), "--to", "openvino", "--plan")


def escaping_tar(path: Path, compression: str) -> Path:
    """Every way in which a member may lead out of the folder that it is unpacked in."""
    with tarfile.open(path, f"w:{compression}") as tar:
        for name in ("../escaped.gguf", "/tmp/escaped.gguf", "good/../../escaped.gguf"):
            entry = tarfile.TarInfo(name)
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"GGUF"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    return path


def escaping_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../escaped.gguf", b"GGUF")
    return path


@pytest.mark.parametrize("name", ["m.zip", "m.tar", "m.tar.gz", "m.tar.xz", "m.gguf"])
def test_an_archive_is_refused_whatever_is_in_it_and_never_unpacked(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    if name.endswith(".zip"):
        path = escaping_zip(folder / name)
    else:
        path = escaping_tar(folder / name, {".gz": "gz", ".xz": "xz"}.get(Path(name).suffix, ""))
    refused(capsys, "is an archive, not a model", "assess", str(path))
    assert [found.name for found in tmp_path.rglob("*") if found.is_file()] == [name]


def test_what_nothing_converts_names_the_missing_edge_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_onnx(tmp_path / "model.onnx")
    refused(
        capsys, "No converter for vision models leads from", "convert", str(model), "--to", "gguf", "--plan"
    )
    refused(capsys, "no longer says which architecture", "convert", str(model), "--to", "mlx", "--plan")


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"images": np.zeros((4, 3, 9, 9), np.float32)}, "(3, 9, 9)"),
        ({"images": np.zeros((0, 3, 8, 8), np.float32)}, "no samples"),
        ({}, "no array named"),
    ],
)
@pytest.mark.real
def test_calibration_data_that_do_not_fit(
    arrays: dict[str, np.ndarray], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "samples.npz"
    np.savez(data, **arrays)
    model, out = make_onnx(tmp_path / "model.onnx"), tmp_path / "out"
    asked = ("--framework", "onnxruntime", "--precision", "INT8_STATIC", "--calibration", str(data))
    refused(capsys, sentence, "quantize", str(model), *asked, "--out", str(out))
    assert not out.exists()


def refused(capsys: pytest.CaptureFixture[str], sentence: str, *words: str) -> None:
    code = cli.main(words)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err
