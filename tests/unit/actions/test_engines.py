"""A session runs in the environment that has what it needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backends.actions.engines import host, opener
from backends.domain.artifact import Configuration, LoadOptions, Option
from backends.domain.errors import FrameworkUnavailable
from backends.jobs.context import Context
from tests.unit.samples import artifact


def configuration(framework: str, **options: Option) -> Configuration:
    return Configuration(replace(artifact(), framework=framework), LoadOptions(options=options))


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        (configuration("onnxruntime"), "onnxruntime"),
        (configuration("onnxruntime", generator="session"), "onnxruntime"),
        (configuration("onnxruntime", generator="genai"), "olive"),
        (configuration("openvino", generator="genai"), "openvino"),
    ],
)
def test_a_generator_of_its_own_is_a_guest(asked: Configuration, where: str) -> None:
    assert host(asked).name == where


def test_a_host_that_is_not_there_says_what_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path))
    opening = opener(Context(lambda event: None))
    with pytest.raises(
        FrameworkUnavailable, match=r"Olive is not installed\. It has what these load"
    ) as refused:
        opening(configuration("onnxruntime", generator="genai"))
    assert "frameworks install olive" in refused.value.remedy
