"""The report of an optimization in stages: from the stored stages alone, with the waterfall."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from backends.actions.repeating import commands
from backends.actions.report import account_of
from backends.domain.metric import Interval
from backends.domain.result import Stage
from backends.reporting.charts import charts
from backends.reporting.discreet import discreet
from backends.reporting.report import html_report, printed_report
from backends.reporting.waterfall import waterfall_chart
from tests.unit.reporting.made_up import made_up_run
from tests.unit.reporting.made_up_stages import made_up_stages

RUN = made_up_run()
RECORD = replace(RUN, stages=made_up_stages(RUN))
ACCOUNT = account_of(RECORD)
PAGE = html_report(ACCOUNT)


def test_every_stage_stands_in_the_report_with_its_evidence_and_trials() -> None:
    for stage in RECORD.stages:
        assert f"{stage.name.capitalize()}: {stage.result.label}, {stage.verdict}" in PAGE  # type: ignore[union-attr]
        assert all(sentence in PAGE for sentence in stage.evidence)
    assert "type_k=Q8_0, type_v=Q8_0" in PAGE and "It could not be opened." in PAGE
    assert "taken" in PAGE


def test_factors_and_totals_follow_from_the_stages() -> None:
    lines = {line.step: line for line in ACCOUNT.stages}
    assert lines["conversion"].total == Interval(1.0, 1.0, 1.0, 1.0, 1), "dropped: still at the original"
    total = lines["acceleration"].total
    assert total is not None and total.estimate == pytest.approx(2.31 * 1.18)
    assert ACCOUNT.stage_metric == "Decode"


def test_the_waterfall_begins_each_bar_where_the_kept_ones_ended() -> None:
    chart = waterfall_chart(ACCOUNT)
    assert chart is not None
    root = ElementTree.fromstring(chart.svg)
    bars = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert len(bars) == 4, "the baseline is a point"
    ends = [(float(bar.get("x", 0)), float(bar.get("x", 0)) + float(bar.get("width", 0))) for bar in bars]
    conversion, quantization, acceleration, validation = ends
    assert conversion[1] == pytest.approx(quantization[0], abs=0.05), "dropped: both begin at the original"
    assert acceleration[0] == pytest.approx(quantization[1], abs=0.05)
    assert validation[0] == pytest.approx(quantization[0], abs=0.05)
    assert float(bars[0].get("fill-opacity", 1)) < float(bars[1].get("fill-opacity", 1))
    assert "logarithmic" in chart.svg and chart.key in [one.key for one in charts(ACCOUNT)]


def test_a_run_without_stages_has_no_waterfall() -> None:
    account = account_of(RUN)
    assert waterfall_chart(account) is None
    assert "<h2>Stages</h2>" not in html_report(account)


def test_the_print_has_the_waterfall_too() -> None:
    assert "waterfall" in printed_report(ACCOUNT).charts


def test_the_command_repeats_the_stages() -> None:
    (command,) = commands(RECORD)
    assert command.startswith("edgewright optimize ")
    assert "--framework llamacpp --precision Q4_K_M" in command


def test_paths_in_stages_are_not_passed_on() -> None:
    told = [stage.result.configuration.artifact for stage in discreet(RECORD).stages if stage.result]
    assert told and all(not one.path.is_absolute() and not one.source.is_absolute() for one in told)
    assert not re.search(r"/(home|root|tmp)/", PAGE)


def test_where_no_stage_held_the_original_is_what_to_ship() -> None:
    original = tuple(one for one in RUN.results if one.configuration.artifact.original)
    skipped = Stage("validation", "skipped", ("No stage held, so the original stays as it is.",))
    record = replace(RUN, results=original, stages=(*RECORD.stages[:2], skipped))
    pick = account_of(record).pick
    assert pick is not None and pick.label == "original F16" and "No stage held" in pick.reason
    assert account_of(replace(record, stages=RECORD.stages[:2])).pick is None, "it was cut off"
