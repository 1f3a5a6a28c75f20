"""Load options from the command line reach those frameworks that know them, and nobody else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from backends import cli
from backends.actions import modes
from backends.actions.opening import opened_with
from backends.commands.adding import options_of
from backends.commands.modes import _subject
from backends.domain.artifact import Artifact, Configuration, LoadOptions
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.jobs.context import Context


def configuration(framework: str, kind: ModelKind = ModelKind.LANGUAGE) -> Configuration:
    nothing, path = TensorContents({}, 0, 0, 0.0), Path("model")
    artifact = Artifact("model", framework, "FP32", ModelFormat.ONNX, kind, path, 1, nothing, path)
    return Configuration(artifact, LoadOptions(threads=2))


def test_each_gets_what_its_framework_knows() -> None:
    given = options_of(["flash_attn=true", "type_k=q8_0", "optimization=basic", "streams=2"])
    llama, onnx, vino = opened_with(
        [configuration(name) for name in ("llamacpp", "onnxruntime", "openvino")], given
    )
    assert llama.load == LoadOptions(threads=2, options={"flash_attn": True, "type_k": "Q8_0"})
    assert onnx.load.options == {"optimization": "basic"}
    assert vino.load.options == {"streams": 2}


def test_a_number_gives_an_option_to_one_alone() -> None:
    given = options_of(["2:type_k=q8_0", "repack=true", "2:repack=false"])
    first, second = opened_with([configuration("llamacpp"), configuration("llamacpp")], given)
    assert first.load.options == {"repack": True}
    assert second.load.options == {"repack": False, "type_k": "Q8_0"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("flash_attn=true", "no load option “flash_attn”"),
        ("optimization=most", "“optimization” cannot be “most”"),
        ("spinning", "“spinning” sets no option"),
        ("=1", "“=1” sets no option"),
        ("2:spinning=true", "no artifact number “2”"),
        ("x:spinning=true", "no artifact number “x”"),
        ("1:flash_attn=true", "no load option “1:flash_attn”"),
    ],
)
def test_what_nobody_knows_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        opened_with([configuration("onnxruntime")], options_of([text]))


def test_an_option_of_language_models_is_none_of_an_image_models() -> None:
    with pytest.raises(BadInput, match="kv_cache_precision"):
        opened_with([configuration("openvino", ModelKind.VISION)], {"kv_cache_precision": "u8"})


@pytest.mark.parametrize(
    "words", [("sweep", "m", "--over", "threads"), ("sustained", "m"), ("llama-bench", "m")]
)
def test_the_other_measurements_open_with_them_too(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = configuration("llamacpp").artifact
    profile = SimpleNamespace(profile=SimpleNamespace(context_length=512))
    monkeypatch.setattr(modes, "assess", lambda path, job: profile)
    monkeypatch.setattr(modes, "original", lambda source, job: opened)
    monkeypatch.setattr(modes, "check_device", lambda *asked: None)
    got = cli._parser().parse_args([*words, "--device", "CUDA0", "--load", "n_gpu_layers=8"])
    subject = _subject(got, Context(lambda event: None))
    assert subject.load == LoadOptions("CUDA0", 0, 512, {"n_gpu_layers": 8})
