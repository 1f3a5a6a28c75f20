"""``edgewright sustained``: what is left of the first seconds' speed after minutes of work."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from backends.actions.modes import Subject, kept, real_sampler
from backends.benchmarking import sustained
from backends.benchmarking.clock import Clock, RealClock
from backends.benchmarking.sampling import OpenSampler
from backends.domain.metric import TokenMeasurement
from backends.storage.history import History


def run_sustained(
    subject: Subject,
    duration_s: float,
    history: History,
    clock: Clock | None = None,
    open_sampler: OpenSampler | None = None,
) -> dict[str, Any]:
    """Measure, store and return the document, with a row for every reading. Raises BadInput below 70 s."""
    sustained.check_duration(duration_s)
    with tempfile.TemporaryDirectory(prefix="edgewright-") as scratch, subject.opened() as engine:
        found = sustained.measure(
            engine,
            subject.configuration.label,
            subject.work(engine, Path(scratch)),
            duration_s,
            clock or RealClock(),
            open_sampler or real_sampler(),
            subject.job,
        )
    return kept("sustained", subject, document_of(found), history)


def document_of(found: sustained.Sustained) -> dict[str, Any]:
    return {
        "metric": found.metric,
        "burst": found.burst,
        "last_minute": found.last_minute,
        "kept": found.kept,
        "throttled": found.was_throttled,
        "temperature_rise_celsius": found.temperature_rise_celsius,
        "frequency_change_hz": found.frequency_change_hz,
        "flags": list(found.flags),
        "readings": [_row(one) for one in found.readings],
    }


def _row(one: sustained.SustainedReading) -> dict[str, Any]:
    measurement = one.measurement
    rate = (
        measurement.decode_tokens_per_s
        if isinstance(measurement, TokenMeasurement)
        else measurement.inferences_per_s
    )
    return {
        "t_s": one.t_s,
        "rate": rate,
        "temperature_celsius": one.conditions.temperature_celsius,
        "frequency_hz": one.conditions.frequency_hz,
        "cpu_percent": one.conditions.cpu_percent,
        "steal_percent": one.conditions.steal_percent,
        "on_battery": one.conditions.on_battery,
    }
