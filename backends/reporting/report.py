"""The report: one HTML file that opens offline, or the same page prepared for print.

Markup is data (``resources/report``); Jinja2 fills it in and escapes every value. Figures come from the
account alone, so a report of an old run reads the same as on its first day.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from backends.domain.gate import Verdict
from backends.domain.model import ModelKind
from backends.domain.result import ConfigurationResult
from backends.reporting import figures, words
from backends.reporting.account import Account, Ranking, label_of
from backends.reporting.charts import charts
from backends.reporting.colors import palette
from backends.reporting.machine import machine
from backends.reporting.monitoring import monitoring, watched
from backends.reporting.plot import Chart
from backends.reporting.ran import conditions, disturbances, method, not_measured, what_ran
from backends.reporting.steps import stage_rows
from backends.storage.paths import resources

CHART_SCHEME = "chart:"  # how a printed page names its charts


@dataclass(frozen=True)
class PrintedReport:
    """A page of plain tables and paragraphs whose images are named ``chart:KEY``."""

    title: str
    footer: str
    html: str
    charts: Mapping[str, Chart]


@dataclass(frozen=True)
class GateRow:
    title: str
    needs: str
    value: words.Figure
    verdict: Verdict
    evidence: str


@dataclass(frozen=True)
class GateTable:
    label: str
    overall: Verdict | None
    rows: tuple[GateRow, ...]


def html_report(account: Account) -> str:
    """Everything in one file: style and charts inline, nothing fetched, no script."""
    return _render(account, "report.css", lambda chart: Markup(chart.svg))


def printed_report(account: Account) -> PrintedReport:
    """For a printer that knows tables and images but not SVG inside a page."""
    drawn = {chart.key: chart for chart in charts(account)}
    html = _render(account, "print.css", _named_image)
    record = account.record
    footer = f"{record.model} · run {record.run_id} · {words.moment(record.started_at)}"
    return PrintedReport(f"Edgewright report: {record.model}", footer, html, drawn)


def _named_image(chart: Chart) -> Markup:
    return Markup('<img src="{}{}" width="{}" height="{}">').format(
        CHART_SCHEME, chart.key, round(chart.width), round(chart.height)
    )


def _render(account: Account, style: str, draw: Callable[[Chart], Markup]) -> str:
    environment = _environment()
    css = environment.get_template(style).render(palette())
    page = environment.get_template("report.html")
    return page.render(css=Markup(css), draw=draw, **_content(account))


@cache
def _environment() -> Environment:
    """Values are escaped; a name the template misspells raises instead of vanishing."""
    loader = FileSystemLoader(resources() / "report")
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _content(account: Account) -> dict[str, object]:
    record = account.record
    shown, more = disturbances(record.readings)
    return {
        "record": record,
        "account": account,
        "started": words.moment(record.started_at),
        "written": words.moment(account.written_at),
        "original": account.original,
        "tables": (
            figures.glance(account),
            figures.speed(account),
            figures.memory(account),
            *filter(None, (figures.start_up(account), figures.energy(account))),
            *figures.quality(account),
        ),
        "stages": stage_rows(account.stages),
        "standings": tuple(standing(ranking) for ranking in account.rankings),
        "charts": charts(account),
        "passed": {label_of(one): _passed(one) for one in record.results},
        "gates": tuple(_gates(account, one) for one in account.candidates if one.gates),
        "findings": {label: found for label, found in account.findings.items() if found},
        "ran": what_ran(account),
        "method": method(record.setup, _is_tensor(account)) if record.setup else (),
        "machine": machine(record.machine) if record.machine else (),
        "conditions": conditions(record.readings),
        "disturbances": shown,
        "more_disturbances": more,
        "missing": not_measured(account),
        "watched": watched(account),
        "watches": monitoring(account),
        "terms": tuple(_terms(account)),
        "label_of": label_of,
    }


def standing(ranking: Ranking) -> str:
    """Who is ahead, in one sentence; only where intervals are apart."""
    if len(ranking.groups) < 2:
        return f"{ranking.measure}: no difference can be told."
    places = "; ".join(f"{place}. {_together(group)}" for place, group in enumerate(ranking.groups, 1))
    return f"{ranking.measure}: {places}."


def _together(labels: Sequence[str]) -> str:
    if len(labels) == 1:
        return labels[0]
    return f"{', '.join(labels[:-1])} and {labels[-1]}, which cannot be told apart"


def _gates(account: Account, result: ConfigurationResult) -> GateTable:
    rows = tuple(
        GateRow(
            words.gate_title(one.gate),
            words.gate_needs(one.gate),
            words.gate_value(one.gate, one.value),
            one.verdict,
            one.evidence,
        )
        for one in result.gates
    )
    return GateTable(label_of(result), account.overall.get(label_of(result)), rows)


def _passed(result: ConfigurationResult) -> str:
    passed = sum(one.verdict is Verdict.PASS for one in result.gates)
    return f"{passed} of {len(result.gates)} passed"


def _is_tensor(account: Account) -> bool:
    kinds = {one.configuration.artifact.kind for one in account.record.results}
    return ModelKind.LANGUAGE not in kinds


def _terms(account: Account) -> Iterator[tuple[str, str]]:
    kind = "tensor" if _is_tensor(account) else "language"
    return ((entry["term"], entry["means"]) for entry in _glossary() if kind in entry["for"])


@cache
def _glossary() -> tuple[Mapping[str, Any], ...]:
    text = (resources() / "report" / "glossary.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["term"])
