"""A run as plain text: a table at a glance, the ratios to the original, and every gate with its evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backends.cli_text import figure, table, wrapped
from backends.codec import from_plain
from backends.domain.gate import GateResult, Verdict
from backends.domain.metric import Interval
from backends.domain.result import Comparison, ConfigurationResult, Reading, RunRecord
from backends.reporting import words
from backends.reporting.account import label_of
from backends.reporting.figures import compared, rates_of

_ORDER = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED, Verdict.PASS)


def run_text(document: Any) -> str:
    """The document of a run, see :func:`backends.cli_text.run_document`."""
    record = from_plain(document["record"], RunRecord)
    parts = [f"{record.model}, run {record.run_id} ({record.state})", *run_parts(document, record)]
    return "\n".join([parts[0], "\n\n".join(parts[1:])])


def run_parts(document: Any, record: RunRecord) -> list[str]:
    """Without the line that names the run."""
    details = [_details(one, record) for one in record.results]
    found = [_at_a_glance(document["configurations"]), _ratios(record), *details, _notes(record)]
    return [part for part in found if part]


def _at_a_glance(rows: Sequence[Mapping[str, Any]]) -> str:
    header = ["configuration", "MB", "bits/w", "rate", "p50 ms", "peak MB", "accuracy"]
    return table(header, [_row(row) for row in rows])


def _row(row: Mapping[str, Any]) -> list[str]:
    if row["failure"]:
        return [row["label"], "failed", "", "", "", "", ""]
    unit = "tok/s" if "tokens" in (row["rate_metric"] or "") else "/s"
    return [
        row["label"],
        f"{row['size_bytes'] / 1e6:.2f}",
        f"{row['bits_per_weight']:.2f}",
        figure(row["rate"], lambda rate: f"{rate:.0f} {unit}"),
        figure(row["latency_p50_s"], lambda value: f"{value * 1e3:.2f}"),
        figure(row["peak_bytes"], lambda value: f"{value / 1e6:.0f}"),
        figure(row["task_accuracy"], lambda value: f"{value:.1%}"),
    ]


def _ratios(record: RunRecord) -> str:
    """Speed against the original with its interval, and how the gates went."""
    made = [one for one in record.results if not one.configuration.artifact.original and not one.failure]
    metrics = [metric for metric in rates_of(record.results) if any(compared(one, metric) for one in made)]
    if not metrics:
        return ""
    header = ["× the original's speed", *(words.RATES[metric][0].lower() for metric in metrics), "gates"]
    rows = [
        [label_of(one), *(_ratio(compared(one, metric)) for metric in metrics), _worst(one.gates)]
        for one in made
    ]
    return table(header, rows)


def _ratio(found: Comparison | None) -> str:
    return span(found.ratio).replace("\u00a0", " ") if found else words.NOT_MEASURED


def _worst(gates: Sequence[GateResult]) -> str:
    found = {gate.verdict for gate in gates}
    return next((verdict.value for verdict in _ORDER if verdict in found), words.NOT_MEASURED)


def _tally(gates: Sequence[GateResult]) -> str:
    counts = Counter(gate.verdict for gate in gates)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in _ORDER if counts[verdict])


def _details(one: ConfigurationResult, record: RunRecord) -> str:
    """Gates that did not pass first; each with the sentence that says why."""
    lines = [f"failed: {one.failure}"] if one.failure else []
    lines += [f"quality not measured: {one.quality_failure}"] if one.quality_failure else []
    lines += [line for line in _quality(one) if line]
    gates = sorted(one.gates, key=lambda gate: _ORDER.index(gate.verdict))
    lines += [
        f"{found.verdict}: {words.gate_title(found.gate)}{_needs(found)}. {found.evidence}" for found in gates
    ]
    lines += _disturbed([reading for reading in record.readings if reading.label == label_of(one)])
    title = f"{label_of(one)}: {_tally(one.gates)}" if one.gates else label_of(one)
    return "\n".join([title, *(wrapped(line, "  ", "      ") for line in lines)]) if lines else ""


def _needs(found: GateResult) -> str:
    return f" ({words.gate_needs(found.gate)})"


def _quality(one: ConfigurationResult) -> Iterator[str]:
    """Every figure of quality there is, a line a kind; "" where a kind has none."""
    score, fidelity, outputs = one.quality, one.fidelity, one.output_fidelity
    if score is not None and (score.kind == "accuracy" or fidelity is None):
        what = "accuracy" if score.kind == "accuracy" else "same answer as the original"
        yield _listed(
            f"{what} {span(score.accuracy, percent=True)} of {score.items:,}",
            _spanned(score.ratio_to_original, "{} times the original's"),
            None if score.flipped is None else f"{score.flipped:.1%} of the answers changed",
            None if score.mcnemar_p is None else f"McNemar p = {score.mcnemar_p:.2g}",
        )
    if fidelity is not None:
        yield _listed(
            f"perplexity {span(fidelity.perplexity)} over {fidelity.tokens:,} tokens",
            _spanned(fidelity.perplexity_ratio, "{} times the original's"),
        )
        yield _listed(
            _spanned(fidelity.kl_mean, "KL divergence {} nats"),
            None if fidelity.kl_p99 is None else f"99th percentile {words.number(fidelity.kl_p99)}",
            _spanned(fidelity.top1_agreement, "same next token {}", percent=True),
            None if fidelity.flipped is None else f"{fidelity.flipped:.1%} right for only one of the two",
        )
    if outputs is not None:
        yield f"cosine similarity {span(outputs.cosine)}, {outputs.cosine_min:.5f} at least"


def _spanned(value: Interval | None, text: str, percent: bool = False) -> str:
    return text.format(span(value, percent)) if value else ""


def _listed(*parts: str | None) -> str:
    return "; ".join(part for part in parts if part)


def span(value: Interval, percent: bool = False) -> str:
    """ "1.23 (1.20–1.27)"."""
    shown = words.percent(value) if percent else words.rate(value)
    return f"{shown.main} ({shown.note})"


def _disturbed(readings: Sequence[Reading]) -> list[str]:
    flagged = [reading for reading in readings if reading.flags]
    if not flagged:
        return []
    usual = Counter(flag.reason for reading in flagged for flag in reading.flags).most_common(1)[0][0]
    return [f"flagged: {len(flagged)} of {len(readings)} readings; for example, {usual}."]


def _notes(record: RunRecord) -> str:
    return (
        "\n".join(["notes", *(wrapped(note, "  ", "      ") for note in record.notes)])
        if record.notes
        else ""
    )
