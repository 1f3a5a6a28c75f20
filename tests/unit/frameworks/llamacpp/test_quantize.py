"""What is refused and warned of before anything is quantized. The native side is not needed for that."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from backends.domain.errors import BadInput, JobFailed
from backends.domain.model import ModelFormat, ModelKind
from backends.frameworks.base import OptimizeRequest
from backends.frameworks.llamacpp import quantize
from backends.frameworks.llamacpp.quantlog import Plan, PlannedTensor

REQUEST = OptimizeRequest(Path("m.gguf"), ModelFormat.GGUF, ModelKind.LANGUAGE, "Q4_K_M", Path("out"))
Usage = namedtuple("Usage", "total used free")


class Api:
    LLAMA_FTYPE_ALL_F32 = 0
    LLAMA_FTYPE_MOSTLY_Q4_K_M = 15


def plan(source: str, target: str, before: int, after: int) -> Plan:
    return Plan((PlannedTensor("token_embd.weight", source, target, 100, before),), (), after, False)


def test_precisions_have_numbers() -> None:
    assert quantize.file_type(Api, "q4_k_m") == 15
    assert quantize.file_type(Api, "F32") == 0
    with pytest.raises(BadInput, match="Q9"):
        quantize.file_type(Api, "Q9")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a/b c", "a-b-c-Q4_K_M.gguf"), ("", "m-Q4_K_M.gguf"), ("...", "model-Q4_K_M.gguf")],
)
def test_file_names_are_safe(name: str, expected: str) -> None:
    assert quantize.file_name(replace(REQUEST, name=name)) == expected


def test_growing_a_quantized_model_is_refused() -> None:
    with pytest.raises(BadInput, match=r"already quantized \(Q4_0\)"):
        list(quantize._judge(plan("q4_0", "q8_0", 50, 100), replace(REQUEST, precision="Q8_0")))


def test_widening_to_floats_is_allowed() -> None:
    assert list(quantize._judge(plan("q4_0", "f16", 50, 200), replace(REQUEST, precision="F16"))) == []


def test_losing_twice_and_copying_are_warned_of() -> None:
    (again,) = quantize._judge(plan("q8_0", "q4_K", 100, 50), REQUEST)
    assert "loses more" in again
    (copy,) = quantize._judge(plan("q4_K", "q4_K", 50, 50), REQUEST)
    assert "copy" in copy
    assert list(quantize._judge(plan("f16", "q4_K", 200, 50), REQUEST)) == []


def test_a_disk_without_room_is_seen_beforehand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(quantize.shutil, "disk_usage", lambda _: Usage(0, 0, 20_000_000))
    quantize._check_room(tmp_path, 1_000_000)
    with pytest.raises(JobFailed, match="this needs 10 MB and 20 MB are free"):
        quantize._check_room(tmp_path, 10_000_000)


@pytest.mark.parametrize(
    ("reason", "free", "words"),
    [
        ("basic_ios::clear: iostream error", 1000, "disk became full"),
        ("basic_ios::clear: iostream error", 10**12, "could not be written"),
        ("quantized data validation failed", 10**12, "validation failed"),
        ("", 10**12, "no reason"),
    ],
)
def test_failures_become_sentences(
    reason: str, free: int, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(quantize.shutil, "disk_usage", lambda _: Usage(0, 0, free))
    failure = quantize._failure(reason, tmp_path / "x.gguf", plan("f16", "q4_K", 200, 50))
    assert words in failure.message
