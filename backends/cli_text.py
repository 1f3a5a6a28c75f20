"""What the command line shows: progress while it works, and its documents as plain text for people."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

from backends.codec import to_plain
from backends.domain.energy import EnergyReading
from backends.domain.events import Event, Log, Progress, Started
from backends.domain.metric import StartUp
from backends.domain.result import ConfigurationResult, RunRecord

PROGRESS_EVERY_S = 1.0
_COUNTERS = re.compile(r"\d+")  # “sample 7 of 200” says nothing newer than “sample 6 of 200”
WIDTH = 100  # columns of every text for people


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
        told, when_s = self._said
        what = _COUNTERS.sub("", event.what)
        if what == told and self._now() - when_s < PROGRESS_EVERY_S:
            return True
        self._said = (what, self._now())
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
        **_start_up_row(result.start_up),
        **_energy_row(result.energy),
        "task_accuracy": score.accuracy.estimate if score and score.kind == "accuracy" else None,
        "task_items": score.items if score else None,
        "perplexity": result.fidelity.perplexity.estimate if result.fidelity else None,
        "failure": result.failure or None,
        "quality_failure": result.quality_failure or None,
        "warnings": list(artifact.warnings),
    }


def _start_up_row(found: StartUp | None) -> dict[str, Any]:
    """``cold_load_s`` only where the files had been dropped from the page cache before."""
    return {
        "first_load_s": found.first_load_s if found else None,
        "cold_load_s": found.first_load_s if found and found.is_cold else None,
        "warm_load_s": found.warm_load_s if found else None,
        "first_token_s": found.first_token_s if found else None,
        "ttft_user_s": found.ttft_user_s if found else None,
        "ttft_user_templated": found.templated if found and found.ttft_user_s is not None else None,
    }


def _energy_row(reading: EnergyReading | None) -> dict[str, Any]:
    """Of the first counter, above idle; the others, never summed, are in the record."""
    first = reading.domains[0] if reading and reading.measured else None
    return {
        "energy_domain": first.domain if first else None,
        "energy_unit": reading.unit if reading else None,
        "joules": first.joules.estimate if first else None,
        "joules_low": first.joules.low if first else None,
        "joules_high": first.joules.high if first else None,
        "energy_disturbed": list(reading.disturbances) if reading else [],
        "energy_not_measured": reading.why_not or None if reading else "Nobody asked for it.",
    }


def fields(document: Any, indent: str = "") -> str:
    """Any document, a field a line, nested ones indented. Nothing is left out, nothing is pretty."""
    if not isinstance(document, Mapping):
        return f"{indent}{document}"
    lines = []
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{indent}{name}:", fields(value, indent + "  ")]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            lines.append(f"{indent}{name}:")
            lines += [fields(entry, indent + "  ") + "\n" for entry in value]
        else:
            lines.append(f"{indent}{name}: {value}")
    return "\n".join(lines)


def wrapped(text: str, indent: str = "  ", hanging: str | None = None) -> str:
    """``hanging``: what the second and later lines begin with; as the first without it."""
    filled = textwrap.fill(  # a no-break space keeps a figure and its unit on one line
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace("\u00a0", " ")


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A name and its value a line; values stand in one column, and long ones go on there."""
    shown = [(name, value) for name, value in rows if value]
    column = max((len(name) for name, _ in shown), default=0) + 2
    return "\n".join(wrapped(f"{name + ':':<{column}}{value}", "", " " * column) for name, value in shown)


def table(header: list[str], rows: list[list[str]]) -> str:
    """Columns as wide as their widest cell; the first left-aligned, figures right-aligned."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return "  ".join([first, *rest]).rstrip()

    return "\n".join([line(header), *(line(row) for row in rows)])


def figure(value: float | None, show: Callable[[float], str]) -> str:
    """A figure of a row as ``show`` writes it; ``None`` is "not measured"."""
    return "not measured" if value is None else show(value)
