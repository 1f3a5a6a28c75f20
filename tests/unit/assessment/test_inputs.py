"""Whatever a person may name: files, folders, pickles, archives, things that are not there."""

from __future__ import annotations

import io
import os
import pickle
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.assessment.assess import assess
from backends.domain.errors import BadInput
from tests.unit.assessment.builders import make_gguf, make_hf, make_ir, make_onnx, make_tflite


def _complaint(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        assess(path)
    assert caught.value.remedy.endswith(".")
    assert caught.value.message.endswith(".")
    assert "\n" not in str(caught.value)
    return caught.value.message


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    assert "nothing.gguf is not there" in _complaint(tmp_path / "nothing.gguf")


def test_an_empty_path_with_a_nul() -> None:
    assert "no path" in _complaint(Path("a\0b"))


def test_a_path_longer_than_any(tmp_path: Path) -> None:
    assert "cannot be read" in _complaint(tmp_path / ("x" * 5000))


def test_what_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests may run as root, who may read everything: the refusal is made here."""
    path = make_gguf(tmp_path / "m.gguf")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "m.gguf may not be read" in _complaint(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    assert "not a regular file" in _complaint(tmp_path / "pipe.gguf")
    assert "holds no model" in _complaint(tmp_path)


def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").symlink_to("b.gguf")
    (tmp_path / "b.gguf").symlink_to("a.gguf")
    assert "cannot be read" in _complaint(tmp_path / "a.gguf")


@pytest.mark.parametrize("name", ["m.gguf", "m.onnx", "m.xml", "m.tflite", "m.safetensors", "m.bin", "m"])
def test_empty_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert f"{name} is empty" in _complaint(tmp_path / name)


@pytest.mark.parametrize("name", ["m.gguf", "m.onnx", "m.xml", "m.tflite", "m.safetensors", "m"])
@pytest.mark.parametrize(
    "data", [b"\n", b"hello world, this is text", b"\0" * 1000, b"\xff" * 1000, b"MZ\x90\0"]
)
def test_garbage_by_any_name(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert name in _complaint(tmp_path / name)


@pytest.mark.parametrize("make", [make_gguf, make_onnx, make_tflite, make_ir])
def test_content_counts_and_not_the_name(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    right = assess(make(tmp_path / "model.right"))
    wrong = (tmp_path / "model.right").rename(tmp_path / "model.onnx")
    assert assess(wrong).format is right.format
    assert assess(wrong).contents == right.contents


# --- pickles and archives ---------------------------------------------------------------------------------


class _Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (str(self._target), "w")


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["pytorch_model.bin", "m.pt", "m.pth", "m.ckpt", "m.pkl"])
def test_pickles_are_named_and_never_loaded(tmp_path: Path, name: str, protocol: int) -> None:
    bomb = tmp_path / "exploded"
    (tmp_path / name).write_bytes(pickle.dumps(_Bomb(bomb), protocol))
    assert "never loaded" in _complaint(tmp_path / name)
    assert "never loaded" in _complaint(tmp_path)
    assert not bomb.exists()


def _torch_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("archive/data/0", bytes(5000))
    return buffer.getvalue()


def test_a_pickle_hides_in_an_archive_of_any_name(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(_torch_zip())
    assert "never loaded" in _complaint(tmp_path / "weights")
    (tmp_path / "model.bin").write_bytes(_torch_zip()[:1000])
    assert "never loaded" in _complaint(tmp_path / "model.bin")


def test_pickled_weights_beside_a_configuration(tmp_path: Path) -> None:
    folder = make_hf(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(_torch_zip())
    assert "pytorch_model.bin" in _complaint(folder)


def test_archives_are_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("../../escaped.gguf", b"GGUF")
    with tarfile.open(tmp_path / "m.tar", "w") as tar:
        tar.add(tmp_path / "m.zip", "../../escaped.gguf")
    assert "an archive" in _complaint(tmp_path / "m.zip")
    assert "an archive" in _complaint(tmp_path / "m.tar")
    assert not list(tmp_path.rglob("*.gguf"))


def test_a_pointer_to_a_large_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n")
    assert "Git LFS" in _complaint(tmp_path / "m.gguf")


# --- folders ----------------------------------------------------------------------------------------------


def test_a_folder_with_one_model(tmp_path: Path) -> None:
    path = make_gguf(tmp_path / "m.gguf")
    (tmp_path / "._m.gguf").write_bytes(b"left behind by macOS")
    (tmp_path / "mmproj-m.gguf").write_bytes(b"an image encoder")
    profile = assess(tmp_path)
    assert profile.path == path
    assert profile.multimodal


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    assert "holds no model" in _complaint(tmp_path)
    (tmp_path / "notes.txt").write_text("nothing")
    assert "holds no model" in _complaint(tmp_path)


def test_a_folder_with_several_models(tmp_path: Path) -> None:
    make_gguf(tmp_path / "a.gguf")
    make_onnx(tmp_path / "b.onnx")
    message = _complaint(tmp_path)
    assert "a.gguf, b.onnx" in message


def test_models_one_level_below_are_pointed_at(tmp_path: Path) -> None:
    make_hf(tmp_path / "hf")
    assert "some in hf" in _complaint(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    make_gguf(tmp_path / "secret.gguf")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "m.gguf").symlink_to(tmp_path / "secret.gguf")
    assert "outside" in _complaint(tmp_path / "folder")
    assert assess(tmp_path / "folder" / "m.gguf").contents.parameters > 0  # named by the user: followed


def test_names_from_files_cannot_draw_on_the_screen(tmp_path: Path) -> None:
    path = make_gguf(tmp_path / "m.gguf")
    path.write_bytes(path.read_bytes().replace(b"Tiny", b"\x1b[2J"))
    assert "\x1b" not in assess(path).name
