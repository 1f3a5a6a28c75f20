"""What the command line shows: progress while it works, and its documents as plain text for people."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from backends.codec import to_plain
from backends.domain.events import Event, Log, Progress, Started
from backends.domain.result import ConfigurationResult, RunRecord

PROGRESS_EVERY_S = 1.0


class ProgressPrinter:
    """One line an event that says something new, progress at most once a second; samples are for charts."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._last = ""
        self._said: tuple[str, float] = ("", 0.0)  # what the progress was of, and when it was last told

    def __call__(self, event: Event) -> None:
        text = _line(event)
        if not text or text == self._last or self._too_soon(event):
            return
        self._last = text
        self._stream.write(text + "\n")
        self._stream.flush()

    def _too_soon(self, event: Event) -> bool:
        if not isinstance(event, Progress) or event.fraction is None:
            return False
        what, when_s = self._said
        if event.what == what and self._now() - when_s < PROGRESS_EVERY_S:
            return True
        self._said = (event.what, self._now())
        return False


def _line(event: Event) -> str:
    if isinstance(event, Started):
        return f"— {event.what}"
    if isinstance(event, Log):
        return f"  {event.text}"
    if isinstance(event, Progress) and event.what:
        share = "" if event.fraction is None else f"{event.fraction:4.0%} "
        left = "" if event.remaining_s is None else f", about {event.remaining_s:.0f} s left"
        return f"  {share}{event.what}{left}"
    return ""


def run_document(record: RunRecord) -> dict[str, Any]:
    """A run with a flat row for every configuration, and the whole record beside it."""
    return {
        "run_id": record.run_id,
        "started_at": record.started_at,
        "model": record.model,
        "state": record.state,
        "configurations": [configuration_row(result) for result in record.results],
        "record": to_plain(record),
    }


def configuration_row(result: ConfigurationResult) -> dict[str, Any]:
    """The figures people compare by; ``None`` is "not measured"."""
    artifact = result.configuration.artifact
    main = next(iter(result.rates.items()), None)
    score = result.quality
    return {
        "label": result.label or result.configuration.label,
        "framework": artifact.framework,
        "precision": artifact.precision,
        "original": artifact.original,
        "size_bytes": artifact.size_bytes,
        "bits_per_weight": artifact.contents.bits_per_weight,
        "tensor_types": dict(artifact.contents.tensor_types),
        "rate_metric": main[0] if main else None,
        "rate": main[1].estimate if main else None,
        "rate_low": main[1].low if main else None,
        "rate_high": main[1].high if main else None,
        "latency_p50_s": result.latency_p50_s,
        "ttft_p50_s": result.ttft_p50_s,
        "peak_bytes": result.memory.total_peak_bytes if result.memory else None,
        "task_accuracy": score.accuracy.estimate if score and score.kind == "accuracy" else None,
        "task_items": score.items if score else None,
        "perplexity": result.fidelity.perplexity.estimate if result.fidelity else None,
        "failure": result.failure or None,
        "warnings": list(artifact.warnings),
    }


def render(command: str, document: Any) -> str:
    return RENDERERS.get(command, _fields)(document)


def _fields(document: Any, indent: str = "") -> str:
    """Any document, a field a line, nested ones indented. Nothing is left out, nothing is pretty."""
    if not isinstance(document, Mapping):
        return f"{indent}{document}"
    lines = []
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{indent}{name}:", _fields(value, indent + "  ")]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            lines.append(f"{indent}{name}:")
            lines += [_fields(entry, indent + "  ") + "\n" for entry in value]
        else:
            lines.append(f"{indent}{name}: {value}")
    return "\n".join(lines)


def table(header: list[str], rows: list[list[str]]) -> str:
    """Columns as wide as their widest cell; the first left-aligned, figures right-aligned."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return "  ".join([first, *rest]).rstrip()

    return "\n".join([line(header), *(line(row) for row in rows)])


def _run(document: Any) -> str:
    header = ["configuration", "MB", "bits/w", "rate", "p50 ms", "peak MB", "accuracy"]
    rows = [_run_row(row) for row in document["configurations"]]
    return f"{document['model']}, run {document['run_id']} ({document['state']})\n{table(header, rows)}"


def _run_row(row: Mapping[str, Any]) -> list[str]:
    if row["failure"]:
        return [row["label"], "", "", "", "", "", row["failure"]]
    unit = "tok/s" if "tokens" in (row["rate_metric"] or "") else "/s"
    return [
        row["label"],
        f"{row['size_bytes'] / 1e6:.2f}",
        f"{row['bits_per_weight']:.2f}",
        _figure(row["rate"], lambda rate: f"{rate:.0f} {unit}"),
        _figure(row["latency_p50_s"], lambda value: f"{value * 1e3:.2f}"),
        _figure(row["peak_bytes"], lambda value: f"{value / 1e6:.0f}"),
        _figure(row["task_accuracy"], lambda value: f"{value:.1%}"),
    ]


def _figure(value: float | None, show: Callable[[float], str]) -> str:
    return "not measured" if value is None else show(value)


def _demo(document: Any) -> str:
    parts = [_run(run) for run in document["runs"]] + list(document["failures"])
    return "\n\n".join(parts)


def _history(document: Any) -> str:
    if "configurations" in document:
        return _run(document)
    rows = [
        [run["run_id"], run["started_at"], run["model"], run["state"], str(run["configurations"])]
        for run in document["runs"]
    ]
    return table(["run", "started", "model", "state", "configurations"], rows) if rows else "No runs yet."


def _frameworks(document: Any) -> str:
    rows = [
        [
            entry["title"],
            "ready" if entry["available"] else "not available",
            entry["version"],
            " · ".join(entry["devices"]),
        ]
        for entry in document["frameworks"]
    ]
    notes = [
        f"{entry['title']}: {entry['reason'].rstrip('.')}. {entry['remedy']}".strip()
        for entry in document["frameworks"]
        if entry["reason"]
    ]
    return "\n".join([table(["framework", "state", "version", "devices"], rows), *notes])


def _recommend(document: Any) -> str:
    header = ["candidate", "MB", "expected quality", "expected tok/s", "reasons"]
    rows = [_candidate_row(c) for c in document["candidates"] if c["headline"]]
    out = [f"{entry['title']}: {entry['reason']}. {entry['remedy']}" for entry in document["ruled_out"]]
    return "\n".join([document["rule_text"], table(header, rows), *out])


def _candidate_row(candidate: Mapping[str, Any]) -> list[str]:
    low, high = candidate["expected_quality"]
    decode = candidate["decode"]
    return [
        f"{candidate['title']} {candidate['precision']}" + (" *" if candidate["recommended"] else ""),
        f"{candidate['fit']['weight_bytes'] / 1e6:.1f}",
        f"{low:.0%}–{high:.0%}",
        f"{decode['low']:.0f}–{decode['high']:.0f}" if decode else "not predicted",
        " ".join(candidate["reasons"]),
    ]


def _convert(document: Any) -> str:
    lines = [" → ".join(document["road"])]
    for step in document["steps"]:
        edge, expected = step["step"]["converter"], step["step"]
        size, place = expected["disk_bytes"] / 1e6, step["environment"] or "the base install"
        lines.append(
            f"  {edge['takes']} → {edge['makes']}: {edge['title']}, about {expected['time_s']:.0f} s "
            f"and {size:,.1f} MB, in {place}"
        )
        lines += [f"    {gone['framework']}: {gone['reason']}. {gone['remedy']}" for gone in step["missing"]]
    if document["artifact"]:
        lines += _proof(document["artifact"])
    return "\n".join(lines)


def _proof(artifact: Mapping[str, Any]) -> list[str]:
    lines = [f"{artifact['path']} ({artifact['size_bytes'] / 1e6:,.1f} MB)"]
    for found in artifact["sameness"]:
        agreement = found["top1_agreement"]
        same = "" if agreement is None else f"top-1 agreement {agreement:.1%}, "
        tokens = {True: ", same tokens", False: ", other tokens", None: ""}[found["same_tokens"]]
        lines.append(
            f"  {found['compared']}: {same}largest difference {found['max_abs_difference']:.2g}{tokens}"
        )
    return lines


RENDERERS: dict[str, Callable[[Any], str]] = {
    "bench": _run,
    "convert": _convert,
    "demo": _demo,
    "history": _history,
    "frameworks": _frameworks,
    "recommend": _recommend,
}
