"""Shape-only models on the real roads: every family converts, keeps its mark, is timed and never scored."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.actions import sameness, shapes
from backends.actions.artifacts import load_artifact
from backends.actions.bench import bench
from backends.actions.convert import form_of
from backends.actions.engines import environments
from backends.actions.material import SHAPE_ONLY
from backends.actions.quantize import quantize
from backends.assessment.source import source_model
from backends.domain.gate import Verdict
from backends.domain.model import SHAPE_ONLY_WORDS, ModelFormat, SourceModel
from backends.sources.architectures import known_architectures
from backends.sources.shapes import Shape
from backends.storage.history import History
from backends.storage.paths import HOME_VARIABLE
from tests.contract.managed import absent, quiet

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

SMALL = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "vocab_size": 1024,
    "max_position_embeddings": 512,
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, with the environments of whoever runs the tests."""
    installed = environments().root
    made = tmp_path / "home"
    (made / "data").mkdir(parents=True)
    if installed.is_dir():
        (made / "data" / "environments").symlink_to(installed)
    monkeypatch.setenv(HOME_VARIABLE, str(made))
    missing = environments().missing(sameness.reference_framework())
    if missing is not None:
        absent(f"{missing.framework} is {missing.reason}. {missing.remedy}")
    return made


def small(architecture: str, folder: Path) -> SourceModel:
    """The family's shape from the catalogue, with fewer and narrower layers."""
    known = next(s for s in shapes.catalogue() if s.config["architectures"] == [architecture])
    config = {**known.config, **SMALL}
    if "original_max_position_embeddings" in config:
        config["original_max_position_embeddings"] = SMALL["max_position_embeddings"]
    if "query_pre_attn_scalar" in config:  # llama.cpp takes it to be the head's size, as it really is
        config["query_pre_attn_scalar"] = SMALL["head_dim"]
    return shapes.make(Shape(architecture, config), folder, quiet())


@pytest.mark.parametrize("architecture", known_architectures())
def test_every_family_becomes_gguf_and_keeps_its_mark(architecture: str, tmp_path: Path) -> None:
    source = small(architecture, tmp_path / architecture)
    made = form_of(source, (ModelFormat.GGUF,), quiet())
    assert made.sameness[-1].holds
    assert made.shape_only and source_model(made.path).profile.shape_only


@pytest.mark.parametrize(
    ("framework", "precision"), [("llamacpp", "Q4_K_M"), ("onnxruntime", "INT4"), ("openvino", "INT8")]
)
def test_what_is_quantized_keeps_the_mark_in_its_files(
    framework: str, precision: str, tmp_path: Path
) -> None:
    source = small("LlamaForCausalLM", tmp_path / "tiny")
    made = quantize(source, framework, precision, tmp_path / "made", quiet())
    assert made.shape_only and SHAPE_ONLY_WORDS in made.warnings
    assert source_model(made.path).profile.shape_only
    assert load_artifact(tmp_path / "made").shape_only


def test_random_weights_are_timed_and_never_scored(tmp_path: Path, home: Path) -> None:
    source = small("LlamaForCausalLM", tmp_path / "tiny")
    quantize(source, "llamacpp", "Q4_K_M", tmp_path / "made", quiet())
    paths = [source.profile.path, tmp_path / "made"]
    record = bench(paths, quiet(), History(home / "history.sqlite3"), threads=1)
    assert [result.failure for result in record.results] == ["", ""]
    assert SHAPE_ONLY in record.notes
    for result in record.results:
        assert result.rates and result.memory is not None
        assert result.quality is None and result.fidelity is None
    gates = {gate.gate.name: gate for gate in record.results[1].gates}
    assert gates["accuracy"].verdict is Verdict.NOT_MEASURED
    assert "random" in gates["accuracy"].evidence
