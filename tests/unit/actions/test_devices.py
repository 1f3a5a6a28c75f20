"""A device is taken only where every framework of the comparison sees it."""

from __future__ import annotations

import pytest

from backends.actions import devices
from backends.actions.compare import Comparison
from backends.actions.devices import check_device, common_devices
from backends.actions.keeping import setup_of
from backends.domain.errors import BadInput, FrameworkUnavailable
from backends.frameworks.base import Availability
from backends.jobs.context import Context
from tests.unit.samples import artifact, source

SEEN = {
    "llamacpp": Availability("llamacpp", True, devices=("CPU", "CUDA0")),
    "openvino": Availability("openvino", True, devices=("CPU", "GPU.0", "GPU.1", "NPU")),
    "mlx": Availability("mlx", False, reason="It is not installed.", remedy="Install it."),
}


@pytest.fixture(autouse=True)
def probed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The frameworks that were asked."""
    asked: list[str] = []

    def answer(name: str, job: Context) -> Availability:
        asked.append(name)
        return SEEN[name]

    monkeypatch.setattr(devices, "availability", answer)
    return asked


def check(device: str, *frameworks: str) -> None:
    check_device(device, frameworks, Context(lambda event: None))


@pytest.mark.parametrize(
    ("device", "framework"),
    [("cuda", "llamacpp"), ("CUDA0", "llamacpp"), ("GPU", "openvino"), ("gpu.1", "openvino")],
)
def test_what_a_framework_sees_is_taken(device: str, framework: str, probed: list[str]) -> None:
    check(device, framework, framework)
    assert probed == [framework]


def test_the_processor_is_always_there(probed: list[str]) -> None:
    check("cpu", "llamacpp", "mlx")
    assert probed == []


@pytest.mark.parametrize("device", ["CUDA1", "GPU.2", "C", ""])
def test_another_is_refused_with_those_that_are_there(device: str) -> None:
    with pytest.raises(BadInput, match=rf"llama\.cpp has no device “{device}” here") as refused:
        check(device, "llamacpp")
    assert refused.value.remedy == "Choose one of: CPU, CUDA0."


def test_all_have_to_see_it() -> None:
    with pytest.raises(BadInput, match=r"llama\.cpp has no device “NPU”"):
        check("NPU", "openvino", "llamacpp")


def test_a_framework_that_does_not_answer_says_why() -> None:
    with pytest.raises(FrameworkUnavailable, match="not installed") as refused:
        check("Metal", "mlx")
    assert refused.value.remedy == "Install it."


def test_all_models_are_opened_on_it_and_the_run_keeps_it() -> None:
    comparison = Comparison(source(), artifact(original=True), (artifact(),), device="CUDA0")
    assert {one.load.device for one in comparison.configurations()} == {"CUDA0"}
    assert setup_of(comparison).device == "CUDA0"


@pytest.mark.parametrize(
    ("seen", "common"),
    [
        ([("CPU", "CUDA0", "CUDA1")], ("CPU", "CUDA0", "CUDA1")),
        ([("CPU", "CUDA0"), ("CUDA", "CPU")], ("CPU", "CUDA")),
        ([("CPU", "CUDA0"), ("CPU", "GPU.0", "NPU")], ("CPU",)),
        ([("HTP emulator",), ("CPU",)], ("CPU",)),
        ([], ("CPU",)),
    ],
)
def test_only_what_all_of_them_see_is_offered(seen: list[tuple[str, ...]], common: tuple[str, ...]) -> None:
    assert common_devices(seen) == common
