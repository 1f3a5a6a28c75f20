"""Any damage to any file: a profile or BadInput comes out, nothing else, and soon."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from backends.assessment.assess import assess
from backends.domain.errors import BadInput
from backends.domain.model import ModelProfile
from tests.unit.assessment.builders import make_gguf, make_hf, make_ir, make_onnx, make_tflite

MOST_SECONDS = 2.0  # of work; the machine may have other things to do
MOST_BYTES = 64 * 2**20


def _hf(path: Path) -> Path:
    return make_hf(path.parent) / path.name


MAKERS: dict[str, Callable[[Path], Path]] = {
    "m.gguf": make_gguf,
    "m.onnx": make_onnx,
    "m.xml": make_ir,
    "m.tflite": make_tflite,
    "model.safetensors": _hf,
    "config.json": _hf,
    "tokenizer.model": _hf,
}

places = st.floats(0, 1, exclude_max=True)
flips = st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=8)
numbers = st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1])


@pytest.fixture(scope="module", params=MAKERS)
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("damage") / request.param
    MAKERS[request.param](path)
    return path, path.read_bytes()


def _survives(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    start = time.process_time()
    try:
        profile = assess(path if path.name != "tokenizer.model" else path.parent)
    except BadInput as error:
        assert error.message
        assert error.remedy
    else:
        assert isinstance(profile, ModelProfile)
        assert profile.contents.parameters >= 0
    assert time.process_time() - start < MOST_SECONDS


usual = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@usual
@given(flips=flips)
def test_flipped_bytes(target: tuple[Path, bytes], flips: list[tuple[float, int]]) -> None:
    path, whole = target
    data = bytearray(whole)
    for place, value in flips:
        data[int(place * len(data))] = value
    _survives(path, bytes(data))


@usual
@given(place=places)
def test_truncation(target: tuple[Path, bytes], place: float) -> None:
    path, whole = target
    _survives(path, whole[: int(place * len(whole))])


@usual
@given(place=places, number=numbers, width=st.sampled_from([4, 8]))
def test_absurd_numbers(target: tuple[Path, bytes], place: float, number: int, width: int) -> None:
    path, whole = target
    start = int(place * len(whole))
    wrong = (number & (2 ** (8 * width) - 1)).to_bytes(width, "little")
    _survives(path, whole[:start] + wrong + whole[start + width :])


@usual
@given(place=places, piece=st.binary(max_size=64), keep=st.booleans())
@example(place=0.0, piece=b"\xef\xbb\xbf", keep=True)
def test_inserted_pieces(target: tuple[Path, bytes], place: float, piece: bytes, keep: bool) -> None:
    path, whole = target
    start = int(place * len(whole))
    _survives(path, whole[:start] + piece + whole[start + (0 if keep else len(piece)) :])


@usual
@given(data=st.binary(max_size=400))
def test_noise(target: tuple[Path, bytes], data: bytes) -> None:
    path, whole = target
    _survives(path, data)
    _survives(path, whole[:16] + data)


def test_memory_stays_bounded(target: tuple[Path, bytes]) -> None:
    """Every 4-byte word of the beginning in turn says four billion."""
    path, whole = target
    tracemalloc.start()
    try:
        for start in range(0, min(len(whole), 800), 4):
            _survives(path, whole[:start] + b"\xff" * 4 + whole[start + 4 :])
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
