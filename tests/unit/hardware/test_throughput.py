"""Measured bandwidth and arithmetic: the plan of the measurement, the cache, and once for real (short)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backends.domain.hardware import Fact, HardwareProfile, Throughput
from backends.hardware import throughput
from backends.hardware.detect import detect
from backends.hardware.throughput import SubResult
from tests.unit.hardware.recorded import load

RESULT = Throughput(2e10, 1e11, 2, 1.9, "2026-01-02T03:04:05+00:00", 1 << 30)


@pytest.fixture
def profile() -> HardwareProfile:
    return detect(load("this-machine"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real measurement in a tenth of its time and memory."""
    for name, value in {"READING_S": 0.02, "COMPUTING_S": 0.02, "MATRIX_SIZES": (256,)}.items():
        monkeypatch.setattr(throughput, name, value)
    monkeypatch.setattr(throughput, "buffer_bytes", lambda caches, available: 16 << 20)


def test_buffer_is_much_larger_than_the_caches(profile: HardwareProfile) -> None:
    caches = throughput.last_level_bytes(profile.processor)
    assert caches == 300 << 20
    assert throughput.buffer_bytes(caches, 20 << 30) == 1 << 30
    assert throughput.buffer_bytes(8 << 20, 20 << 30) == 256 << 20
    assert throughput.buffer_bytes(1 << 30, 100 << 30) == 2 << 30
    assert throughput.buffer_bytes(caches, 1 << 30) == 256 << 20  # a quarter of what is free


def test_two_clusters_count_twice() -> None:
    assert throughput.last_level_bytes(detect(load("snapdragon-x-elite")).processor) == 36 << 20


def test_threads_respect_the_quota() -> None:
    assert throughput.threads_for(detect(load("nvidia-desktop")).processor) == 2
    assert throughput.threads_for(detect(load("intel-core-ultra-155h")).processor) == 16


def test_for_real(profile: HardwareProfile, quick: None) -> None:
    reports: list[SubResult] = []
    result = throughput.measure(profile, reports.append)
    assert result.read_bytes_per_s > 1e8
    assert result.fp32_flops_per_s > 1e8
    assert [each.what for each in reports if each.share == 1.0][-1:] == [throughput.COMPUTE]
    assert reports[0].what == throughput.BANDWIDTH
    assert [each.share for each in reports] == sorted(each.share for each in reports)
    assert result.measured_at.endswith("+00:00")


def test_kept_and_found_again(
    profile: HardwareProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throughput, "measure", lambda profile, report: RESULT)
    folder = tmp_path / "new"
    assert throughput.cached(profile, folder) is None
    assert throughput.measured(profile, folder) == RESULT
    assert throughput.cached(profile, folder) == RESULT
    assert [path.name for path in folder.iterdir()] == [throughput.FILE_NAME]
    other = detect(load("raspberry-pi-5"))
    assert throughput.cached(other, folder) is None


def test_a_disturbed_measurement_is_not_kept(
    profile: HardwareProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throughput, "measure", lambda *_: replace(RESULT, other_load_percent=40.0))
    throughput.measured(profile, tmp_path)
    assert throughput.cached(profile, tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": 1}', "\xff"])
def test_a_damaged_cache_is_measured_again(
    profile: HardwareProfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(throughput, "measure", lambda *_: RESULT)
    path = tmp_path / throughput.FILE_NAME
    path.write_bytes(text.encode("latin-1"))
    assert throughput.measured(profile, tmp_path) == RESULT
    assert json.loads(path.read_text())[throughput.fingerprint(profile)]["threads"] == 2


def test_a_cache_of_another_shape(profile: HardwareProfile, tmp_path: Path) -> None:
    text = json.dumps({throughput.fingerprint(profile): {"speed": 1}})
    (tmp_path / throughput.FILE_NAME).write_text(text)
    assert throughput.cached(profile, tmp_path) is None


def test_a_report_may_stop_it(profile: HardwareProfile, tmp_path: Path, quick: None) -> None:
    def stop(_: SubResult) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        throughput.measured(profile, tmp_path, stop)
    assert not list(tmp_path.iterdir())


def test_another_share_of_the_machine_is_another_machine(profile: HardwareProfile) -> None:
    cpu = replace(profile.processor, usable_cpus=Fact(1.0, "quota"))
    assert throughput.fingerprint(replace(profile, processor=cpu)) != throughput.fingerprint(profile)
