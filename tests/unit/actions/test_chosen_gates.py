"""Thresholds of the settings decide a run, are kept with it, and are still its own when settings change."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.actions.compare import Comparison
from backends.actions.keeping import chosen_gates, setup_of
from backends.domain.errors import BadInput
from backends.domain.model import ModelKind
from backends.optimization.gates import Evidence, default_gates, evaluate, speed_thresholds, with_thresholds
from backends.optimization.stress import STRESS_PLANS
from backends.storage.paths import app_paths
from backends.storage.settings import Settings, write_settings
from tests.unit.optimization.samples import artifact, comparison, interval, result
from tests.unit.samples import source


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path))


def change(**thresholds: float) -> None:
    write_settings(app_paths().settings, Settings(gate_thresholds=thresholds))


def asked() -> Comparison:
    return Comparison(source(), artifact(original=True), (artifact(),), stress=STRESS_PLANS["quick"])


def test_the_settings_decide_and_the_command_line_overrules_them() -> None:
    assert chosen_gates()["memory"].threshold == default_gates()["memory"].threshold
    change(memory=0.7, decode_speed=1.5, beauty=1.0)
    gates = chosen_gates({"memory": 0.6})
    assert (gates["memory"].threshold, gates["decode_speed"].threshold) == (0.6, 1.5)
    with pytest.raises(BadInput, match="beauty"):
        chosen_gates({"beauty": 1.0})


def test_a_run_keeps_what_it_was_judged_by() -> None:
    change(memory=0.7)
    setup = setup_of(asked())
    assert setup.thresholds["memory"] == 0.7 and set(setup.thresholds) == set(default_gates())
    assert setup.stress
    change(memory=0.2)
    assert setup.thresholds["memory"] == 0.7


def test_speed_is_decided_at_the_thresholds_of_its_gates() -> None:
    gates = with_thresholds(default_gates(), {"decode_speed": 1.5, "prefill_speed": 0.9})
    assert speed_thresholds(gates, ModelKind.LANGUAGE) == (0.9, 1.5)
    assert speed_thresholds(gates, ModelKind.VISION) == (2.0,)
    assert speed_thresholds(with_thresholds(gates, {"inference_speed": 0}), ModelKind.VISION) == (1.0,)


def test_of_several_decisions_the_gate_takes_its_own() -> None:
    """The one that was made against its very threshold knows how many more pairs it would take."""
    gates = with_thresholds(default_gates(), {"decode_speed": 1.5})
    ratio = interval(1.5, 1.4, 1.6)
    two = comparison("decode_tokens_per_s", ratio, more_pairs=99)
    one_and_a_half = type(two)("x", "decode_tokens_per_s", ratio, 1.5, "inconclusive", 7)
    judged = evaluate(Evidence(result(comparisons=(two, one_and_a_half))), gates)
    speed = next(found for found in judged if found.gate.name == "decode_speed")
    assert "About 7 more would decide." in speed.evidence


def test_the_settings_name_what_reads_energy() -> None:
    assert (asked().energy, asked().grid) == ("counters", "world")
    write_settings(app_paths().settings, Settings(energy="battery", grid="FR"))
    assert (asked().energy, asked().grid) == ("battery", "FR")
    write_settings(app_paths().settings, Settings(energy="a wheel", grid="Atlantis"))
    assert (asked().energy, asked().grid) == ("counters", "world")
