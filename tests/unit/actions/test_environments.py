"""What comes with an environment, beside the packages that pip puts into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.actions import environments
from backends.actions.converters import converters
from backends.conversion.catalogue import Converter
from backends.domain.errors import JobFailed
from backends.domain.events import Event, Log
from backends.frameworks.base import Availability, JobContext
from backends.jobs.context import Context

FRAMEWORK = "olive"
Action = Callable[[str, JobContext, Path | None], Availability]


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path | None]]:
    """Converters whose sources were asked for, and from where. No environment is touched."""
    found: list[tuple[str, Path | None]] = []

    def sources(converter: Converter, job: JobContext, wheels: Path | None) -> None:
        found.append((converter.name, wheels))

    monkeypatch.setattr(environments, "converter_sources", sources)
    for name in ("install", "repair"):
        monkeypatch.setattr(environments.installing, name, lambda *_: None)
    monkeypatch.setattr(environments, "availability", lambda name, _: Availability(name, True))
    return found


@pytest.mark.parametrize("action", [environments.install, environments.repair])
def test_converters_come_with_an_environment_that_is_made_anew(
    action: Action, fetched: list[tuple[str, Path | None]], tmp_path: Path
) -> None:
    assert action(FRAMEWORK, Context(lambda _: None), tmp_path).available
    expected = [(one.name, tmp_path) for one in converters() if one.framework == FRAMEWORK]
    assert expected
    assert fetched == expected


def test_a_repaired_framework_works_without_its_converter(
    fetched: list[tuple[str, Path | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise JobFailed("There is no network.")

    monkeypatch.setattr(environments, "converter_sources", fail)
    events: list[Event] = []
    assert environments.repair(FRAMEWORK, Context(events.append)).available
    assert any(isinstance(event, Log) and "no network" in str(event) for event in events)
