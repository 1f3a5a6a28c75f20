"""The report says what the record holds, escapes it, and claims no more than the intervals allow."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.actions.repeating import commands
from backends.actions.report import account_of, pairs, write_report
from backends.benchmarking.grid import grid_of
from backends.domain.artifact import Sameness
from backends.domain.energy import DomainEnergy, EnergyReading
from backends.domain.errors import BadInput, JobFailed
from backends.domain.gate import Gate
from backends.domain.metric import Interval, StartUp
from backends.domain.result import DataFile, RunRecord
from backends.reporting import figures, words
from backends.reporting.account import Ranking
from backends.reporting.charts import charts
from backends.reporting.discreet import discreet
from backends.reporting.plot import WIDTH
from backends.reporting.ran import method, what_ran
from backends.reporting.report import CHART_SCHEME, html_report, printed_report, standing
from backends.reporting.svg import ticks
from backends.storage.history import History
from tests.unit.reporting.made_up import MADE_UP_MODEL, made_up_run, made_up_vision_run

RECORD = made_up_run()
ACCOUNT = account_of(RECORD)
PAGE = html_report(ACCOUNT)
HOSTILE = '<script>alert("x")</script> & {{ 7 * 7 }}'


class Outline(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_figure_of_quality_has_a_column() -> None:
    tables = figures.quality(ACCOUNT)
    assert [table.title for table in tables] == ["Quality", "Fidelity on text"]
    first, row = (
        {name: cell for t in tables for name, cell in zip(t.header, t.rows[n].cells, strict=True)}
        for n in (0, 2)
    )
    assert row["KL p99"].main == "0.30" and row["Right for only one"].main == "1.9\u00a0%"
    assert row["Equally often right, p"].main == "0.039" and row["Perplexity ratio"].main == "1.03×"
    assert "McNemar" in tables[0].note and "one position in a hundred" in tables[1].note
    assert first["KL p99"].note == "the reference", "the original is held against nothing"


def test_a_limit_of_questions_says_how_they_are_taken() -> None:
    assert RECORD.setup is not None
    setup = replace(RECORD.setup, tasks=DataFile("questions.jsonl", "0"), task_limit=400)
    told = {entry.name: entry.value for entry in method(setup, tensor=False)}
    assert told["Questions or images"] == "questions.jsonl, at most 400, taken evenly over the whole"


def test_what_ran_tells_how_closely_it_follows_its_source() -> None:
    first, second, *others = RECORD.results
    made = second.configuration.artifact
    told = Sameness(
        "llama.cpp Q4_K_M", "llama.cpp against it on 256 fixed ids", 256, 0.914, 1.23, 0.2, 20.0, True
    )
    configuration = replace(second.configuration, artifact=replace(made, sameness=(told,)))
    record = replace(RECORD, results=(first, replace(second, configuration=configuration), *others))
    original, followed, unknown, *_ = [
        [entry for entry in ran.entries if entry.name == "Follows its source"]
        for ran in what_ran(account_of(record))
    ]
    assert original == []
    assert followed[0].value == (
        "After llama.cpp Q4_K_M: top-1 agreement 91.4%, largest difference 1.2 nats, same tokens "
        "(at least 20% and at most 20 asked for). llama.cpp against it on 256 fixed ids."
    )
    assert not unknown[0].known


def stored(tmp_path: Path, record: RunRecord = RECORD) -> tuple[History, str]:
    history = History(tmp_path / "history.sqlite3")
    run_id = history.start(record.model, record.machine, record.notes, record.setup)
    for reading in record.readings:
        history.add_reading(run_id, reading)
    for result in record.results:
        history.put_result(run_id, result)
    history.finish(run_id)
    return history, run_id


def test_the_page_opens_offline_and_runs_nothing() -> None:
    outline = Outline(PAGE)
    names = {tag for tag, _ in outline.tags}
    assert not names & {"script", "link", "img", "iframe", "object"}
    assert not [
        value
        for _, attributes in outline.tags
        for value in attributes.values()
        if "//" in (value or "") and "w3.org" not in (value or "")
    ]
    assert "url(" not in PAGE and "@import" not in PAGE


def test_the_page_has_all_its_parts() -> None:
    headings = [text.strip() for text in re.findall(r"<h2>(.*?)</h2>", PAGE)]
    assert headings == [
        "In short",
        "Charts",
        "Gates",
        "Diagnosis",
        "Figures",
        "What was not measured",
        "What really ran",
        "How it was measured",
        "The machine",
        "What to monitor",
        "How to repeat it",
        "Words",
    ]
    text = Outline(PAGE).text
    for part in (
        MADE_UP_MODEL,
        "169 × Q4_K_M",
        "bits per weight",
        "edgewright bench",
        "41.2",
        "inconclusive",
        "This run holds no reading of an energy counter",
        "No stress run was made.",
        "Test CPU",
    ):
        assert part in text


def test_memory_of_a_gpu_has_a_column_where_it_was_read() -> None:
    assert "GPU" not in figures.memory(ACCOUNT).header
    first, *others = RECORD.results
    assert first.memory is not None
    read = replace(first, memory=replace(first.memory, gpu_peak_bytes=3 * 2**20))
    table = figures.memory(replace(ACCOUNT, record=replace(RECORD, results=(read, *others))))
    place = table.header.index("GPU") - len(table.header)
    assert table.rows[0].cells[place].main == "3.00\u00a0MiB"
    assert table.rows[1].cells[place].main == words.NOT_MEASURED


@pytest.mark.parametrize(("is_cold", "title"), [(True, "Cold load"), (False, "First load")])
def test_starting_up_is_a_table_of_its_own(is_cold: bool, title: str) -> None:
    assert figures.start_up(ACCOUNT) is None
    known = StartUp(1.5, is_cold, 0.25, 0.4, None)
    results = tuple(replace(one, start_up=known) for one in RECORD.results)
    table = figures.start_up(replace(ACCOUNT, record=replace(RECORD, results=results)))
    assert table is not None
    assert title in table.header
    told = [cell.main for cell in table.rows[0].cells]
    assert told == ["1,500\u00a0ms", "250\u00a0ms", "400\u00a0ms", words.NOT_MEASURED]


def test_five_charts_each_well_formed_and_within_the_paper() -> None:
    drawn = charts(ACCOUNT)
    assert len(drawn) == 5
    for chart in drawn:
        root = ElementTree.fromstring(chart.svg)
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            assert 0 <= float(text.attrib["x"]) <= WIDTH
            assert 0 <= float(text.attrib["y"]) <= chart.height


def test_a_printed_page_names_its_charts() -> None:
    printed = printed_report(ACCOUNT)
    named = re.findall(f'src="{CHART_SCHEME}([^"]+)"', printed.html)
    assert named == list(printed.charts) and "<svg" not in printed.html


@pytest.mark.parametrize("field", ["model", "failure", "label", "note", "flag", "tensor"])
def test_whatever_a_record_holds_is_shown_and_never_run(field: str) -> None:
    first = RECORD.results[0]
    artifact = first.configuration.artifact
    last = RECORD.results[-1]
    changed = {
        "model": lambda: replace(RECORD, model=HOSTILE),
        "failure": lambda: replace(RECORD, results=(first, replace(last, failure=HOSTILE))),
        "label": lambda: replace(RECORD, results=(replace(first, label=HOSTILE), *RECORD.results[1:])),
        "note": lambda: replace(RECORD, notes=(HOSTILE,)),
        "flag": lambda: replace(
            RECORD,
            readings=tuple(
                replace(one, flags=tuple(replace(flag, reason=HOSTILE) for flag in one.flags))
                for one in RECORD.readings
            ),
        ),
        "tensor": lambda: replace(
            RECORD,
            results=(
                replace(
                    first,
                    configuration=replace(
                        first.configuration,
                        artifact=replace(
                            artifact, contents=replace(artifact.contents, tensor_types={HOSTILE: 1})
                        ),
                    ),
                ),
            ),
        ),
    }[field]()
    page = html_report(account_of(changed))
    assert "<script" not in page and "49" not in re.findall(r"alert\(.*?\) (?:&amp;) (\d+)", page)
    assert "&lt;script&gt;" in page
    assert "<script" not in printed_report(account_of(changed)).html


def test_what_was_not_measured_says_so() -> None:
    page = Outline(html_report(account_of(made_up_vision_run()))).text
    assert "not measured" in page.lower()
    assert "The machine was not stored with this run." in page
    assert "No configuration can be recommended" in page
    assert "Prefill" not in page


def test_an_empty_run_has_a_report_too() -> None:
    empty = RunRecord("nothing", "2026-11-21T00:00:00+00:00", "m", (), state="cancelled")
    text = Outline(html_report(account_of(empty))).text
    assert "This run is cancelled" in text and "There are no figures to draw." in text


def test_a_figure_that_went_wrong_is_shown_as_such() -> None:
    wrong = Interval(float("nan"), float("nan"), float("inf"), 0.95, 3)
    results = tuple(
        replace(
            one,
            rates=dict.fromkeys(one.rates, wrong),
            comparisons=tuple(replace(c, ratio=wrong) for c in one.comparisons),
            ttft_p50_s=float("inf"),
        )
        for one in RECORD.results
    )
    account = replace(ACCOUNT, record=replace(RECORD, results=results))
    assert "not a number" in Outline(html_report(account)).text
    assert [chart.key for chart in charts(account)] == ["pairs", "memory"]


def test_the_recommendation_is_no_original_unless_that_is_better() -> None:
    assert ACCOUNT.pick is not None and ACCOUNT.pick.label == "llama.cpp Q4_K_M"
    slow = tuple(
        one
        if one.configuration.artifact.original
        else replace(
            one,
            comparisons=tuple(
                replace(pairs, ratio=Interval(0.5, 0.4, 0.6, 0.95, 12)) for pairs in one.comparisons
            ),
            memory=RECORD.results[0].memory,
            quality=replace(one.quality, ratio_to_original=Interval(0.9, 0.89, 0.91, 0.95, 9))
            if one.quality
            else None,
        )
        for one in RECORD.results
    )
    pick = account_of(replace(RECORD, results=slow)).pick
    assert pick is not None and pick.label == "original F16" and pick.reason.startswith("Stay with")


def test_only_intervals_apart_are_put_in_order() -> None:
    assert standing(Ranking("Decode speed", (("a",), ("b", "c")))) == (
        "Decode speed: 1. a; 2. b and c, which cannot be told apart."
    )
    assert standing(Ranking("Quality kept", (("a", "b"),))) == "Quality kept: no difference can be told."
    quality = next(one for one in ACCOUNT.rankings if one.measure == "Quality kept")
    assert {"llama.cpp Q8_0", "original F16"} <= set(quality.groups[0])


def test_pairs_are_those_of_the_benchmark_and_keep_their_flags() -> None:
    found = pairs(RECORD.readings)
    assert len(found) == 48 and [one.t_s for one in found] == sorted(one.t_s for one in found)
    assert [one.label for one in found if one.flags] == ["OpenVINO INT8"]


def test_the_command_names_no_folder_of_the_user() -> None:
    (command,) = commands(discreet(RECORD))
    assert command.startswith("edgewright bench made-up-f16.gguf made-up-llamacpp-q8_0")
    assert "--data tasks.jsonl --text eval.txt" in command and "/" not in command


def test_a_record_to_pass_on_names_nobody() -> None:
    told = replace(RECORD, notes=("see /home/somebody/secret/plan.txt",))
    passed_on = discreet(told, home=Path("/home/somebody"))
    assert "somebody" not in str(passed_on)
    assert passed_on.notes == ("see ~/secret/plan.txt",)
    assert passed_on.readings == RECORD.readings


def test_the_report_of_a_stored_run_is_that_of_the_run(tmp_path: Path) -> None:
    history, run_id = stored(tmp_path)
    write_report(run_id, tmp_path / "deep" / "report.html", history)
    page = (tmp_path / "deep" / "report.html").read_text(encoding="utf-8")
    assert Outline(page).text.count("llama.cpp Q4_K_M") == Outline(PAGE).text.count("llama.cpp Q4_K_M")


@pytest.mark.parametrize(("name", "message"), [("report.doc", "cannot be written as"), ("r.pdf", "window's")])
def test_forms_that_cannot_be_written(tmp_path: Path, name: str, message: str) -> None:
    history, run_id = stored(tmp_path)
    with pytest.raises(BadInput, match=message):
        write_report(run_id, tmp_path / name, history)


def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    history, run_id = stored(tmp_path)
    (tmp_path / "r.html").mkdir()
    with pytest.raises(JobFailed, match="could not be written"):
        write_report(run_id, tmp_path / "r.html", history)


@given(st.floats(1e-9, 1e12))
def test_numbers_keep_three_digits(value: float) -> None:
    assert float(words.number(value).replace(",", "")) == pytest.approx(value, rel=6e-3)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_round_and_inside(low: float, extent: float) -> None:
    found = ticks(low, low + extent)
    assert len(found) <= 12
    assert all(low - extent * 1e-6 <= tick <= low + extent * (1 + 1e-6) for tick in found)


@pytest.mark.parametrize(
    ("gate", "needs", "value"),
    [
        (Gate("decode_speed", 2.0, True, "× original"), "≥\u00a02×", "2.42×"),
        (Gate("memory", 0.5, False, "× original"), "≤\u00a00.5×", "2.42×"),
        (Gate("top1_agreement", 0.9, True, "share of tokens"), "≥\u00a090\u00a0%", "242.0\u00a0%"),
        (Gate("stress", 0, False, "failed checks"), "none failed", "2 failed"),
        (Gate("output_similarity", 0.99, True, "cosine"), "≥\u00a00.99", "2.4200"),
    ],
)
def test_gates_in_their_own_units(gate: Gate, needs: str, value: str) -> None:
    assert words.gate_needs(gate) == needs
    assert words.gate_value(gate, Interval(2.42, 2.31, 2.52, 0.983, 12)).main == value
    assert words.gate_value(gate, None) == words.MISSING


def test_measured_energy_has_a_table_and_is_no_longer_missed() -> None:
    record = made_up_run()
    package = DomainEnergy(
        "package-0",
        "rapl",
        5.0,
        25.0,
        Interval(0.15, 0.14, 0.16, 0.95, 3),
        Interval(0.19, 0.18, 0.2, 0.95, 3),
    )
    reading = EnergyReading("new token", (package,), 3, 10.0, grid=grid_of("FR"))
    first = replace(record.results[0], energy=reading)
    page = html_report(account_of(replace(record, results=(first, *record.results[1:]))))
    text = Outline(page).text
    for part in ("package-0, J a new token", "0.150", "5.00 / 25.0", "never summed", "56 g CO₂e/kWh", "2023"):
        assert part in text
    assert "This run holds no reading" not in text


def test_energy_that_was_not_measured_says_why() -> None:
    record = made_up_run()
    reading = EnergyReading("new token", why_not="Energy was not measured. Ask the administrator.")
    first = replace(record.results[0], energy=reading)
    page = html_report(account_of(replace(record, results=(first, *record.results[1:]))))
    assert "Ask the administrator." in Outline(page).text
