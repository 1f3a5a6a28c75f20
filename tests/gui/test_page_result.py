from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog

from backends.actions.certificate import verify_certificate
from backends.domain.artifact import Sameness
from backends.domain.gate import Gate, GateResult, Verdict
from backends.domain.metric import Interval, StartUp
from backends.domain.model import ModelKind
from backends.domain.result import LanguageFidelity, RunRecord
from backends.optimization.gates import default_gates, known_thresholds, with_thresholds
from gui.app import Services
from gui.charts.scatter_chart import ScatterChart
from gui.wizard.pages import documents
from gui.wizard.pages.measured_words import claim_chip, gate_needs, gate_value
from gui.wizard.pages.quality_card import QualityCard
from gui.wizard.pages.result import ResultPage
from gui.wizard.pages.run_report import rejudged, report_of
from gui.wizard.pages.start_up_card import StartUpCard
from tests.gui.simulated import LANGUAGE, VISION, certifiable_run, stored_run, wizard_state, work


@pytest.fixture
def record(services: Services) -> RunRecord:
    return stored_run(services.history)


@pytest.fixture
def show(services: Services, qtbot):
    def make(record: RunRecord) -> ResultPage:
        services.store.update(wizard_state(work()).with_run(record.run_id))
        page = ResultPage(services)
        qtbot.addWidget(page)
        page.resize(1000, 800)
        page.show()
        page.on_enter()
        qtbot.waitUntil(
            lambda: page.view.isVisible() or page.banner.isVisible() or bool(page.empty.text.text())
        )
        return page

    return make


def gates(page: ResultPage) -> dict[str, list[str]]:
    model = page.view.gates.model
    rows = range(model.rowCount())
    return {str(model.cell(row, 0)): [plain(model.cell(row, c)) for c in (1, 2, 3)] for row in rows}


def plain(cell: object) -> str:
    return str(cell).replace("\u00a0", " ")


def test_the_recommended_point_and_its_gates(show, record: RunRecord) -> None:
    page = show(record)
    assert page.view.gates.figure.text == "llama.cpp Q4_K_M"
    assert page.view.gates.accessibleName() == "Recommended point"
    found = gates(page)
    assert found["Decode"][0].startswith("2.41×")
    assert found["Decode"][1:] == ["≥ 2×", "pass"]
    assert found["Accuracy kept"][2] == "pass"
    assert found["Stress"] == ["–", "", "not measured"]
    assert (
        page.view.gates.chip.text()
        == f"{sum(row[2] == 'pass' for row in found.values())} of {len(found)} gates"
    )
    assert page.view.gates.model.cell(0, 1).tip, "the evidence is one hover away"


def with_fidelity(record: RunRecord) -> RunRecord:
    """As language models have it: text and tasks both."""
    close = LanguageFidelity(
        4096,
        Interval(12.3, 11.9, 12.8, 0.95, 16),
        Interval(1.021, 1.012, 1.031, 0.95, 16),
        Interval(0.0123, 0.0101, 0.0142, 0.95, 16),
        0.31,
        Interval(0.947, 0.938, 0.955, 0.95, 16),
        0.031,
    )
    own = LanguageFidelity(4096, Interval(12.0, 11.6, 12.5, 0.95, 16))
    results = [
        replace(
            one,
            fidelity=own if one.configuration.artifact.original else close,
            quality=replace(one.quality, mcnemar_p=0.0312, flipped=0.048) if one.quality else None,
        )
        for one in record.results
    ]
    return replace(record, results=tuple(results))


def test_loading_and_first_tokens_are_told_apart(record: RunRecord, qtbot) -> None:
    card = StartUpCard()
    qtbot.addWidget(card)
    card.show_run(record)
    assert not card.isVisible(), "nothing of it was measured"
    found = StartUp(1.25, True, 0.5, 0.042, 0.0513, 530, templated=True)
    first, *others = record.results
    card.show_run(replace(record, results=(replace(first, start_up=found), *others)))
    model = card.table.model()
    titles = [column.title for column in model.columns]
    assert titles == [
        "Configuration",
        "Cold load",
        "Warm load",
        "First token after load",
        "From text to token",
    ]
    cells = [model.cell(0, number) for number in range(1, 5)]
    assert [plain(cell.text) for cell in cells] == ["1,250 ms", "500 ms", "42.0 ms", "51.3 ms"]
    assert plain(cells[3].second) == "530 tokens" and "chat template first" in cells[3].tip
    assert plain(model.cell(1, 1).text) == "–"
    plainly = replace(found, is_cold=False, templated=False)
    card.show_run(replace(record, results=(replace(first, start_up=plainly),)))
    model = card.table.model()
    assert model.columns[1].title == "First load" and "no chat template" in model.cell(0, 4).tip


def test_quality_has_every_figure_on_text_and_on_tasks(record: RunRecord, qtbot) -> None:
    card = QualityCard()
    qtbot.addWidget(card)
    card.show_run(with_fidelity(record))
    model = card.table.model()
    titles = [column.title for column in model.columns]
    assert titles == [
        "Configuration",
        "Perplexity",
        "To original",
        "KL divergence",
        "Top-1",
        "Text flips",
        "Accuracy kept",
        "Answer flips",
    ]
    cells = [model.cell(1, number) for number in range(1, 8)]
    assert [(plain(cell.text), plain(cell.second)) for cell in cells] == [
        ("12.3", "11.9–12.8"),
        ("1.021×", "1.012–1.031"),
        ("0.0123", "p99 0.310"),
        ("94.7 %", "93.8–95.5"),
        ("3.1 %", ""),
        ("96.9 %", "95.7–98.1"),
        ("4.8 %", "p 0.031"),
    ]
    assert "4,096 tokens" in cells[0].tip and "McNemar" in cells[6].tip
    assert "866 of 1,000 items right, the original 894" in cells[5].tip
    original = [plain(model.cell(0, number).text) for number in range(1, 4)]
    assert original == ["12.0", "–", "–"]


def test_without_figures_there_is_no_card_of_quality(show, services: Services) -> None:
    page = show(stored_run(services.history, quality=False))
    assert not page.view.quality.isVisibleTo(page.view)
    whole = show(stored_run(services.history, VISION))
    assert whole.view.quality.isVisibleTo(whole.view)
    assert [column.title for column in whole.view.quality.table.model().columns] == [
        "Configuration",
        "Accuracy kept",
        "Answer flips",
    ]


def test_the_scatter_holds_every_configuration(show, record: RunRecord) -> None:
    page = show(record)
    chart = page.view.scatter_card.chart
    assert isinstance(chart, ScatterChart)
    points = {point.label: point for point in chart.points}
    assert set(points) == {"F16", "Q4_K_M", "INT8", "INT4"}
    assert points["F16"].x == 1.0
    assert points["Q4_K_M"].chosen
    assert points["Q4_K_M"].best
    assert not points["INT4"].best, "another is certainly faster and better"


def test_another_configuration_can_be_looked_at(show, record: RunRecord) -> None:
    page = show(record)
    page.view.gates.box.setCurrentIndex(page.view.gates.box.findData("original F16"))
    page.view.gates.box.activated.emit(page.view.gates.box.currentIndex())
    assert page.view.gates.accessibleName() == "Chosen configuration"
    assert "no gates" in page.view.gates.empty.text()
    assert page.view.what_ran.facts.rows[0].value == "F16 31 · F32 11"
    assert page.view.proof.facts.rows[0].value == "18 pairs"


def test_what_ran_is_what_the_file_and_the_engine_say(show, record: RunRecord) -> None:
    rows = {row.label: row.value for row in show(record).view.what_ran.facts.rows}
    assert rows["Tensors"] == "Q4_K 26 · Q6_K 5 · F32 11"
    assert rows["Bits per weight"] == "4.87"
    assert rows["Engine"] == "llama.cpp 1.2.3"
    assert rows["Threads"] == "2 of 8"


def test_what_ran_says_how_closely_it_follows_its_source(show, record: RunRecord) -> None:
    page = show(record)
    assert {row.label: row.value for row in page.view.what_ran.facts.rows}[
        "Follows its source"
    ] == "not compared"
    assert page.view.report is not None
    point = next(one for one in page.view.report.points if not one.original)
    told = Sameness("NNCF", "OpenVINO against ONNX Runtime on 32 samples", 32, None, 0.031, 0.2, 1.0)
    artifact = replace(point.result.configuration.artifact, sameness=(told,), kind=ModelKind.VISION)
    configuration = replace(point.result.configuration, artifact=artifact)
    changed = replace(point, result=replace(point.result, configuration=configuration))
    page.view.what_ran.show_point(page.view.report, changed)
    rows = {row.label: row.value for row in page.view.what_ran.facts.rows}
    assert rows["Follows its source"] == "largest difference 0.031 of the largest output"


def test_nothing_wins_where_intervals_overlap(show, record: RunRecord) -> None:
    rows = {row.label: (row.value, row.note) for row in show(record).view.wins.rows}
    assert rows["Decode"] == ("llama.cpp Q4_K_M", "2.41×, told apart")
    assert rows["Quality kept"][1] == "not told apart, ahead of the others"
    assert rows["Size on disk"][0] == "llama.cpp Q4_K_M"


def test_language_and_tensor_runs_have_columns_of_their_own(
    show, services: Services, record: RunRecord
) -> None:
    titles = [column.title for column in show(record).view.table.table._model.columns]
    assert {"Decode", "Prefill", "First token"} <= set(titles)
    tensor = show(stored_run(services.history, VISION))
    titles = [column.title for column in tensor.view.table.table._model.columns]
    assert {"Inferences", "Latency"} <= set(titles)
    assert "Prefill" not in titles


def test_a_run_without_quality_says_so(show, services: Services) -> None:
    page = show(stored_run(services.history, quality=False))
    assert page.view.scatter_card.accessibleName() == "Speed against quality; size is memory"
    assert not hasattr(page.view.scatter_card, "chart")
    assert gates(page)["Accuracy kept"][2] == "not measured"


def test_a_stopped_run_without_the_original_is_shown(show, services: Services, record: RunRecord) -> None:
    one = next(r for r in record.results if r.label == "OpenVINO INT8")
    run_id = services.history.start("stopped")
    services.history.put_result(run_id, replace(one, gates=(), quality=None))
    services.history.finish(run_id, "cancelled")
    page = show(services.history.run(run_id))
    assert page.view.gates.figure.text == "OpenVINO INT8"
    assert "before its gates" in page.view.gates.empty.text()
    assert page.view.findings.evidence.text()


def test_without_results_there_are_words(show, services: Services) -> None:
    run_id = services.history.start("nothing")
    page = show(services.history.run(run_id))
    assert page.empty.title.text() == "There is no result yet."
    assert page.state.primary == ""


def test_an_unknown_run_is_an_error_with_a_remedy(services: Services, qtbot) -> None:
    services.store.update(wizard_state(work()).with_run("gone"))
    page = ResultPage(services)
    qtbot.addWidget(page)
    page.on_enter()
    qtbot.waitUntil(lambda: page.banner.isVisibleTo(page))
    assert "gone" in page.banner.sentence.text()


@pytest.mark.parametrize("suffix", ["json", "csv", "png"])
def test_the_run_is_exported(show, record: RunRecord, tmp_path: Path, monkeypatch, suffix: str) -> None:
    page = show(record)
    path = tmp_path / f"run.{suffix}"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    page.documents.export()
    assert str(path) in page.documents.notice.sentence.text()
    if suffix == "json":
        document = json.loads(path.read_text(encoding="utf-8"))
        assert document["run_id"] == record.run_id
        assert len(document["configurations"]) == 4
        assert document["record"]["readings"]
    elif suffix == "csv":
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        assert {row["label"] for row in rows} == {r.label for r in record.results}
        best = next(row for row in rows if row["label"] == "llama.cpp Q4_K_M")
        assert float(best["rate_low"]) <= float(best["rate"]) <= float(best["rate_high"])
        assert json.loads(best["tensor_types"]) == {"Q4_K": 26, "Q6_K": 5, "F32": 11}
    else:
        assert path.read_bytes().startswith(b"\x89PNG")


def test_an_export_that_cannot_be_written_says_so(
    show, record: RunRecord, tmp_path: Path, monkeypatch
) -> None:
    page = show(record)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "run.csv"), ""))
    page.documents.export()
    assert "cannot be written" in page.banner.sentence.text()


@pytest.mark.parametrize("suffix", ["html", "pdf"])
def test_the_report_is_written(show, record: RunRecord, tmp_path: Path, monkeypatch, qtbot, suffix) -> None:
    page, path, opened = show(record), tmp_path / f"report.{suffix}", []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    monkeypatch.setattr(documents, "open_folder", opened.append)
    page.documents.report_action.trigger()
    assert page.documents.busy
    assert not page.state.can_continue
    qtbot.waitUntil(lambda: not page.documents.busy, timeout=60_000)
    assert not page.banner.isVisibleTo(page), page.banner.sentence.text()
    assert path.read_bytes()[:4] in (b"<!do", b"<!DO", b"%PDF")
    assert str(path) in page.documents.notice.sentence.text()
    page.documents.notice.button.click()
    assert opened == [tmp_path]


def test_the_certificate_is_signed_and_tells_by_whom(
    show, services: Services, tmp_path: Path, monkeypatch, qtbot
) -> None:
    page = show(certifiable_run(services.history, tmp_path))
    path = tmp_path / "proof.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    assert page.state.primary == "Certify…"
    assert not page.apply(), "the last step: there is no going on"
    qtbot.waitUntil(lambda: not page.documents.busy, timeout=60_000)
    assert not page.banner.isVisibleTo(page), page.banner.sentence.text()
    found = verify_certificate(path)
    assert found.intact
    assert found.trusted
    assert found.signer in page.documents.notice.remedy.text()


def test_a_run_that_cannot_be_certified_says_why(
    show, record: RunRecord, tmp_path: Path, monkeypatch, qtbot
) -> None:
    page = show(record)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no.json"), ""))
    page.apply()
    qtbot.waitUntil(lambda: page.banner.isVisibleTo(page))
    assert "Measure again." in page.banner.remedy.text()
    assert not (tmp_path / "no.json").exists()


def test_an_unfinished_run_is_not_certified(show, services: Services, record: RunRecord) -> None:
    run_id = services.history.start("stopped")
    services.history.put_result(run_id, record.results[0])
    services.history.finish(run_id, "cancelled")
    assert not show(services.history.run(run_id)).state.can_continue


def test_changed_gates_are_judged_anew(show, services: Services, record: RunRecord) -> None:
    services.settings.change(gate_thresholds={"decode_speed": 3.0, "memory": 0.9})
    found = gates(show(record))
    assert found["Decode"][1:] == ["≥ 3×", "fail"]
    assert found["Memory"][1:] == ["≤ 90 %", "pass"]


def test_a_verdict_that_is_not_the_figures_stays() -> None:
    """The original was no better than guessing, whatever the ratio."""
    gate = default_gates()["accuracy"]
    found = GateResult(gate, Verdict.INCONCLUSIVE, Interval(1.0, 0.99, 1.01, 0.95, 10), "guessing")
    assert rejudged(found, with_thresholds(default_gates(), {"accuracy": 0.5})) is found


def test_useless_thresholds_in_the_settings_count_as_not_said(record: RunRecord) -> None:
    damaged = {"decode_speed": "fast", "unknown": 1.0, "memory": -1.0, "stability": 0.3}
    assert known_thresholds(damaged) == {"stability": 0.3}
    assert report_of(record, damaged).gates["stability"].threshold == 0.3


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("accuracy", Interval(0.968, 0.954, 0.981, 0.95, 9), ("96.8\u00a0%", "95.4–98.1")),
        ("decode_speed", Interval(2.42, 2.31, 2.52, 0.95, 9), ("2.42×", "2.31–2.52")),
        ("memory", Interval(0.31, 0.31, 0.31, 1.0, 1), ("31.0\u00a0%", "")),
        ("stress", Interval(0, 0, 0, 1.0, 3), ("none failed", "")),
        ("security", Interval(2, 2, 2, 1.0, 3), ("2 failed", "")),
        ("stress", None, ("–", "")),
    ],
)
def test_gate_values_in_words(name: str, value: Interval | None, expected: tuple[str, str]) -> None:
    gate: Gate = default_gates()[name]
    assert gate_value(GateResult(gate, gate.judge(value), value, "")) == expected
    assert gate_needs(default_gates()["memory"]) == "≤\u00a050\u00a0%"


def test_claims_in_words() -> None:
    assert claim_chip(Interval(2.4, 2.3, 2.5, 0.98, 6), 2.0)[0] == "≥ 2× holds"
    assert claim_chip(Interval(1.9, 1.8, 2.1, 0.98, 6), 2.0)[0] == "inconclusive"
    assert claim_chip(Interval(1.6, 1.5, 1.7, 0.98, 6), 2.0)[0] == "below 2×"


def test_the_report_knows_no_qt() -> None:
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['PySide6'] = None\n"
        "from gui.wizard.pages import live, measuring\n"
        "assert 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=Path(__file__).parents[2])
    assert LANGUAGE
