"""The configurations of a run as pages show them: label, short name, colour; the same on every page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from backends.benchmarking.protocol import unique_labels
from backends.domain.artifact import Configuration
from backends.domain.result import ConfigurationResult
from gui.theme.hues import Hue, hues_for


@dataclass(frozen=True)
class Entry:
    """``short`` is the precision alone where that is unique; ``label`` is as in readings and samples."""

    label: str
    short: str
    hue: Hue
    original: bool


def label_of(result: ConfigurationResult) -> str:
    return result.label or result.configuration.label


def entries_of(configurations: Sequence[Configuration]) -> tuple[Entry, ...]:
    """For a run that begins: ``configurations`` in the plan's order."""
    return _entries(unique_labels(tuple(configurations)), configurations)


def entries_of_results(results: Sequence[ConfigurationResult]) -> tuple[Entry, ...]:
    """For results that are there; the original first."""
    ordered = sorted(results, key=lambda result: not result.configuration.artifact.original)
    return _entries([label_of(r) for r in ordered], [r.configuration for r in ordered])


def _entries(labels: Sequence[str], configurations: Sequence[Configuration]) -> tuple[Entry, ...]:
    artifacts = [configuration.artifact for configuration in configurations]
    titles = [artifact.framework_title or artifact.framework for artifact in artifacts]
    rows = [(label, title, a.original) for label, title, a in zip(labels, titles, artifacts, strict=True)]
    hues = hues_for(rows)
    names = Counter(artifact.precision for artifact in artifacts)
    return tuple(
        Entry(label, a.precision if names[a.precision] == 1 else label, hues[label], a.original)
        for label, a in zip(labels, artifacts, strict=True)
    )
