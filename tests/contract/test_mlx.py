"""MLX on whatever this machine has: what it makes is the same model, and what it cannot read is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from backends.assessment.contents import contents
from backends.domain.errors import BadInput, JobCancelled
from backends.domain.metric import TokenMeasurement, TokenWorkload
from backends.domain.model import ModelFormat, ModelKind
from tests.contract.managed import Framework, agreement, bundled_language_model, logits, stop_at

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

LANGUAGE = ModelKind.LANGUAGE
IDS = (1, *range(300, 363))


@pytest.fixture
def mlx(tmp_path: Path) -> Framework:
    return Framework("mlx", tmp_path)


@pytest.fixture
def source() -> Path:
    return bundled_language_model()


def test_quantized_it_is_the_same_model(mlx: Framework, source: Path) -> None:
    with mlx.open(mlx.optimize(source, LANGUAGE, "fp16")) as engine:
        original = logits(engine, IDS)
    for precision, least in (("8bit", 0.95), ("4bit", 0.7)):
        with mlx.open(mlx.optimize(source, LANGUAGE, precision)) as engine:
            assert agreement(logits(engine, IDS), original) >= least


@pytest.mark.parametrize(
    ("precision", "options", "low", "high"),
    [
        ("4bit", {}, 4.4, 4.7),
        ("8bit", {"group_size": 32}, 8.9, 9.2),
        ("4bit", {"group_size": 128}, 4.2, 4.4),
        ("mixed_3_6", {}, 3.5, 5.5),
        ("mixed_4_6", {"group_size": 32}, 4.5, 6.5),
    ],
)
def test_the_bits_are_those_of_the_file(
    mlx: Framework, source: Path, precision: str, options: dict[str, int], low: float, high: float
) -> None:
    made = mlx.optimize(source, LANGUAGE, precision, **options)
    assert made.format is ModelFormat.MLX
    assert low <= contents(made.path, made.format).bits_per_weight <= high
    assert not list(made.path.glob("*.py"))


def test_tokens_have_times_and_follow_the_logits(mlx: Framework, source: Path) -> None:
    with mlx.open(mlx.optimize(source, LANGUAGE, "bf16")) as engine:
        measured = engine.measure(TokenWorkload(IDS, 8))
        assert isinstance(measured, TokenMeasurement)
        assert list(measured.token_times_s) == sorted(measured.token_times_s)
        fed = logits(engine, (*IDS, *measured.token_ids[:-1]))
        assert tuple(fed[len(IDS) - 1 :].argmax(-1)) == measured.token_ids
        assert np.array_equal(logits(engine, IDS), logits(engine, IDS))
        assert engine.tokenize(["A small model"])[0]
        assert engine.engine.device == "Metal" or "Apple silicon" in engine.engine.warnings[0]
        with pytest.raises(BadInput, match="vocabulary"):
            engine.logits([10**6])
        with pytest.raises(BadInput, match="context"):
            engine.measure(TokenWorkload(IDS, 10**5))


def test_a_generation_has_a_peak_of_its_own(mlx: Framework, source: Path) -> None:
    made = mlx.optimize(source, LANGUAGE, "bf16")
    with mlx.open(made) as engine:
        short = engine.memory(TokenWorkload(IDS[:8], 2)).engine_peak_bytes
        reading = engine.memory(TokenWorkload(IDS * 4, 64))
    assert reading.engine_peak_bytes is not None
    assert short is not None
    assert 0.9 * made.size_bytes < short < reading.engine_peak_bytes
    assert "the engine itself counts" in reading.source


def test_bad_input_is_said(mlx: Framework, source: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(source, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(BadInput, match="cannot read"):
        mlx.optimize(broken, LANGUAGE, "4bit")
    weights.unlink()
    with pytest.raises(BadInput, match="no weights"):
        mlx.optimize(broken, LANGUAGE, "4bit")
    with pytest.raises(BadInput, match="group_size"):
        mlx.optimize(source, LANGUAGE, "4bit", group_size=48)
    with pytest.raises(BadInput, match="quantized already"):
        mlx.optimize(mlx.optimize(source, LANGUAGE, "4bit").path, LANGUAGE, "4bit")


@pytest.mark.parametrize(
    ("changed", "says"),
    [({"model_type": "unheard_of"}, "unheard_of"), ({"model_file": "evil.py"}, "custom module")],
    ids=["architecture", "code"],
)
def test_what_it_does_not_know_or_would_run_is_refused(
    mlx: Framework, source: Path, tmp_path: Path, changed: dict[str, str], says: str
) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(source, folder)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changed}))
    with pytest.raises(BadInput, match=says):
        mlx.optimize(folder, LANGUAGE, "4bit")
    assert not (tmp_path / "ran").exists()


def test_a_cancel_is_heard_while_computing(mlx: Framework, source: Path) -> None:
    with pytest.raises(JobCancelled):
        mlx.optimize(source, LANGUAGE, "4bit", job=stop_at("Computing"))
