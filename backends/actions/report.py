"""``edgewright report``: a stored run as HTML or PDF, with everything that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from backends.actions.keeping import chosen_weights
from backends.actions.repeating import commands
from backends.benchmarking import metrics
from backends.benchmarking.diagnosis import Case, diagnose, rules, suggestion_for
from backends.benchmarking.statistics import groups_told_apart
from backends.benchmarking.summary import pair_ratios
from backends.domain.errors import BadInput
from backends.domain.gate import QUALITY_GATES, Verdict
from backends.domain.metric import Interval, TokenMeasurement
from backends.domain.result import ConfigurationResult, Reading, RunRecord, Stage
from backends.optimization.choosing import preferred
from backends.optimization.gates import overall
from backends.optimization.stages import Link, Outcome, Step, main_comparison, waterfall
from backends.reporting.account import Account, Advice, PairRatio, Pick, Ranking, StageLine, label_of
from backends.reporting.discreet import discreet
from backends.reporting.figures import EXACTLY_ONE, compared, quality_kept, rates_of
from backends.reporting.report import PrintedReport, html_report, printed_report
from backends.reporting.words import RATES
from backends.storage.files import write_text
from backends.storage.history import History

PrintPdf = Callable[[PrintedReport, Path], None]


def write_report(run_id: str, out: Path, history: History, print_pdf: PrintPdf | None = None) -> None:
    """Write the report of a run to ``out``; its suffix says in which form.

    ``print_pdf`` is the window's printer: nothing below the window has one. Raises BadInput for an unknown
    run or suffix, JobFailed where the file cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix not in (".html", ".htm", ".pdf"):
        raise BadInput(
            f"A report cannot be written as “{out.name}”.", "Name a file that ends in .html or .pdf."
        )
    if suffix == ".pdf" and print_pdf is None:
        raise BadInput("A PDF needs the window's libraries.", "Write an .html and print it from a browser.")
    account = account_of(history.run(run_id), chosen_weights())
    if suffix == ".pdf" and print_pdf is not None:
        print_pdf(printed_report(account), out)
    else:
        write_text(out, html_report(account))


def account_of(record: RunRecord, weights: Mapping[str, float] | None = None) -> Account:
    """What a run says, and what follows from it; nothing is measured or looked up on this machine.

    ``weights``: what matters to the user, see :func:`chosen_weights`; else the usual ones.
    """
    record = discreet(record)
    return Account(
        record,
        written_at=datetime.now(UTC).isoformat(timespec="seconds"),
        commands=commands(record),
        findings={label_of(one): advice(one, record) for one in record.results},
        pairs=pairs(record.readings),
        rankings=rankings(record.results),
        pick=pick(record.results, weights) or _stay(record),
        stages=stage_lines(record),
        stage_metric=_stage_metric(record),
        overall={label_of(one): overall(one.gates) for one in record.results if one.gates},
    )


def stage_lines(record: RunRecord) -> tuple[StageLine, ...]:
    """The stages with what they amount to together; those that were skipped have no figures."""
    links = {id(link.stage): link for link in waterfall(record.stages)}
    return tuple(_line(stage, links.get(id(stage))) for stage in record.stages)


def _line(stage: Stage, link: Link | None) -> StageLine:
    result = stage.result
    return StageLine(
        step=stage.name,
        title=stage.name.capitalize(),
        label=label_of(result) if result else "",
        verdict=stage.verdict,
        kept=stage.verdict == Outcome.KEPT,
        evidence=stage.evidence,
        factor=link.factor if link else None,
        total=link.total if link else None,
        size_bytes=result.configuration.artifact.size_bytes if result else None,
        peak_bytes=result.memory.total_peak_bytes if result and result.memory else None,
        took_s=stage.took_s,
        trials=stage.trials,
    )


def _stage_metric(record: RunRecord) -> str:
    found = (one for stage in record.stages if stage.result and (one := main_comparison(stage.result)))
    return next((RATES[one.metric][0] for one in found if one.metric in RATES), "")


def pairs(readings: Sequence[Reading]) -> tuple[PairRatio, ...]:
    """Whole pairs in the order they were measured, repeats among them."""

    def pair_of(reading: Reading) -> tuple[str, int, int]:
        return reading.comparison, reading.pair, reading.repeat

    found = []
    for (label, _, _), group in groupby(sorted(readings, key=pair_of), pair_of):
        arms = list(group)
        main = metrics.DECODE if isinstance(arms[0].measurement, TokenMeasurement) else metrics.INFERENCES
        for ratio in pair_ratios(arms, label, main):
            reasons = tuple(dict.fromkeys(flag.reason for arm in arms for flag in arm.flags))
            found.append(PairRatio(label, max(arm.t_s for arm in arms), ratio, reasons))
    return tuple(sorted(found, key=lambda one: one.t_s))


def rankings(results: Sequence[ConfigurationResult]) -> tuple[Ranking, ...]:
    """Orders that the intervals allow. Memory is one reading: it has a table."""
    measures: dict[str, Mapping[str, Interval]] = {
        f"{RATES[metric][0]} speed": {
            label_of(one): found.ratio for one in results if (found := compared(one, metric))
        }
        for metric in rates_of(results)
    }
    measures["Quality kept"] = _kept(results)
    original = [label_of(one) for one in results if one.configuration.artifact.original and not one.failure]
    return tuple(
        Ranking(measure, groups_told_apart({**dict.fromkeys(original, EXACTLY_ONE), **intervals}))
        for measure, intervals in measures.items()
        if intervals
    )


def _kept(results: Sequence[ConfigurationResult]) -> dict[str, Interval]:
    """Of the candidates that share the first one's measure; different measures cannot be put in order."""
    known = [
        (label_of(one), kept)
        for one in results
        if not one.configuration.artifact.original and (kept := quality_kept(one))
    ]
    return {label: interval for label, (measure, interval) in known if measure == known[0][1][0]}


def pick(results: Sequence[ConfigurationResult], weights: Mapping[str, float] | None = None) -> Pick | None:
    """The same choice that the window shows."""
    found = preferred(results, weights)
    return Pick(found.label, found.reason, found.equals) if found else None


def _stay(record: RunRecord) -> Pick | None:
    """Where a whole optimization in stages came to nothing that holds."""
    last = record.stages[-1] if record.stages else None
    original = next((one for one in record.results if one.configuration.artifact.original), None)
    if last is None or original is None or (last.name, last.verdict) != (Step.VALIDATION, Outcome.SKIPPED):
        return None
    return Pick(label_of(original), " ".join(last.evidence))


def advice(result: ConfigurationResult, record: RunRecord) -> tuple[Advice, ...]:
    """The diagnosis, and what helps against lost quality where a gate found that."""
    found: list[Advice] = []
    if record.machine is not None:
        case = Case(result, record.machine, record.readings)
        found += [Advice(one.title, one.evidence, one.suggestion) for one in diagnose(case)]
    lost = [
        gate.evidence
        for gate in result.gates
        if gate.gate.name in QUALITY_GATES and gate.verdict is Verdict.FAIL
    ]
    framework = result.configuration.artifact.framework
    title = rules()["accuracy_lost"]["title"]
    found += [Advice(title, sentence, suggestion_for("accuracy_lost", framework)) for sentence in lost]
    return tuple(found)
