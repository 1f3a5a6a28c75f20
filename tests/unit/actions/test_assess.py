"""Models are read in a process of its own; here that process is real."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backends.actions.assess import assess, bundled, inspect
from backends.domain.errors import BadInput, JobCancelled
from backends.domain.events import Event
from backends.domain.model import ModelFormat, ModelKind
from backends.jobs.context import CancelToken, Context
from backends.storage.paths import resources
from tests.conftest import ROOT

pytestmark = pytest.mark.real
DIGITS = resources() / "models" / "edgewright-digits"


def context() -> Context:
    heard: list[Event] = []
    return Context(heard.append)


def test_a_model_comes_back_whole() -> None:
    found = assess(DIGITS, context())
    assert (found.name, found.profile.kind) == ("Edgewright Digits", ModelKind.VISION)
    assert found.forms == {ModelFormat.ONNX: DIGITS / "edgewright-digits.onnx"}
    assert found.profile.inputs[0].shape == ("batch", 1, 32, 32)
    assert not found.bundled


def test_bad_input_is_told_as_in_this_process(tmp_path: Path) -> None:
    path = tmp_path / "empty.gguf"
    path.touch()
    with pytest.raises(BadInput, match=r"empty\.gguf") as caught:
        assess(path, context())
    assert caught.value.remedy
    assert caught.value.exit_code == 2


def test_a_damaged_bundled_model_hides_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "models" / "broken"
    broken.mkdir(parents=True)
    (broken / "model.toml").write_text("name = 'x'")
    (tmp_path / "models" / "edgewright-digits").symlink_to(DIGITS, target_is_directory=True)
    monkeypatch.setattr("backends.actions.assess.resources", lambda: tmp_path)
    damaged, digits = bundled(context())
    assert damaged.source is None
    assert damaged.problem
    assert digits.source is not None
    assert digits.source.bundled


def test_what_is_inside_and_its_hashes_are_read_back() -> None:
    path = DIGITS / "edgewright-digits.onnx"
    found = inspect(path, ModelFormat.ONNX, context())
    assert found.contents.bits_per_weight == 32.0
    assert set(found.hashes) == {path.name}


def test_reading_can_be_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        assess(DIGITS, Context(lambda event: None, token))


def test_the_caller_loads_nothing_heavy() -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from backends.actions.assess import assess\n"
        "from backends.jobs.context import Context\n"
        f"assess(Path({str(DIGITS)!r}), Context(lambda event: None))\n"
        "assert not {'onnx', 'numpy', 'google.protobuf'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120, check=True)
