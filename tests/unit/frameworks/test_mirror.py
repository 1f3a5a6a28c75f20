"""What converters and adapters see of a model folder that brings code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from backends.domain.artifact import Artifact
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.frameworks.base import OptimizeRequest
from backends.frameworks.converters.base import ConvertRequest
from backends.frameworks.mirror import codeless, without_code
from backends.jobs.context import Context
from tests.unit.assessment.builders import make_hf

AUTOMATIC = {"AutoModelForCausalLM": "modeling_evil.Evil"}


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    folder = make_hf(tmp_path / "evil")
    config = json.loads((folder / "config.json").read_text())
    inner = {"hidden_size": 8, "auto_map": AUTOMATIC}
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": AUTOMATIC, "inner": [inner]}))
    (folder / "tokenizer_config.json").write_text('{"auto_map": {}, "bos_token": "<s>"}')
    (folder / "generation_config.json").write_text("no JSON")
    (folder / "custom_generate").mkdir()
    for name in ("modeling_evil.py", "custom_generate/generate.py", "evil.so", "weights.bin"):
        (folder / name).write_text("evil")
    return folder


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_the_mirror_has_the_weights_and_no_code(evil: Path, output: Path) -> None:
    before = {path: path.read_bytes() for path in evil.rglob("*") if path.is_file()}
    with without_code(evil, output) as mirror:
        assert mirror.name == "evil" and output in mirror.parents
        names = {path.name for path in mirror.rglob("*")}
        assert names == {"config.json", "tokenizer_config.json", "tokenizer.model", "model.safetensors"}
        assert (mirror / "model.safetensors").samefile(evil / "model.safetensors")
        config = json.loads((mirror / "config.json").read_text())
        assert config["model_type"] == "llama" and config["inner"] == [{"hidden_size": 8}]
        assert json.loads((mirror / "tokenizer_config.json").read_text()) == {"bos_token": "<s>"}
        assert "auto_map" not in config
    assert not list(output.iterdir())
    assert {path: path.read_bytes() for path in evil.rglob("*") if path.is_file()} == before


def refuse(*_: object) -> None:
    raise OSError


@pytest.mark.parametrize("refused", [("link",), ("link", "symlink")], ids=["symlink", "copy"])
def test_weights_come_without_hard_links_too(
    evil: Path, output: Path, refused: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in refused:
        monkeypatch.setattr(os, name, refuse)
    weights = (evil / "model.safetensors").read_bytes()
    with without_code(evil, output) as mirror:
        assert (mirror / "model.safetensors").is_symlink() is ("symlink" not in refused)
        assert (mirror / "model.safetensors").read_bytes() == weights
    assert (evil / "model.safetensors").read_bytes() == weights


def test_links_of_the_hubs_cache_are_followed(evil: Path, output: Path, tmp_path: Path) -> None:
    blob = (evil / "model.safetensors").rename(tmp_path / "blob")
    (evil / "model.safetensors").symlink_to("../blob")
    with without_code(evil, output) as mirror:
        assert (mirror / "model.safetensors").samefile(blob)


def test_a_folder_without_code_is_taken_as_it_is(tmp_path: Path, output: Path) -> None:
    folder = make_hf(tmp_path / "good")
    with without_code(folder, output) as seen:
        assert seen == folder and not list(output.iterdir())


def test_python_alone_is_code_too(tmp_path: Path, output: Path) -> None:
    folder = make_hf(tmp_path / "good")
    (folder / "setup.PY").write_text("")
    with without_code(folder, output) as seen:
        assert seen != folder and not list(seen.glob("*.PY"))


def artifact(source: Path) -> Artifact:
    contents = TensorContents({}, 0, 0, 0.0)
    return Artifact("m", "mlx", "", ModelFormat.MLX, ModelKind.LANGUAGE, source, 0, contents, source)


def test_an_artifact_names_the_users_folder(evil: Path, output: Path) -> None:
    seen: list[Path] = []

    def work(request: Any, job: object) -> Artifact:
        seen.append(request.source)
        return artifact(request.source)

    job = Context(lambda event: None)
    form, kind = ModelFormat.HUGGING_FACE, ModelKind.LANGUAGE
    made = codeless(work, OptimizeRequest(evil, form, kind, "4bit", output), job)
    codeless(work, ConvertRequest("hf-gguf", evil, output, "m", "F16"), job)
    assert made.source == evil
    assert evil not in seen and len(seen) == 2
    # Without a folder of the job's own, as where Olive is only asked for its plan.
    codeless(work, OptimizeRequest(evil, form, kind, "INT4", Path()), job)
    assert Path.cwd() not in seen[-1].parents and not seen[-1].exists()
