"""The device a model is to run on: only one that every framework concerned sees here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backends.actions.frameworks import availability
from backends.domain.artifact import CPU
from backends.domain.errors import BadInput, FrameworkUnavailable
from backends.frameworks import registry
from backends.frameworks.base import JobContext


def check_device(device: str, frameworks: Iterable[str], job: JobContext) -> None:
    """Asks the frameworks' own probes. Raises BadInput, or FrameworkUnavailable where one does not answer.

    All of a comparison run on it, or none: a ratio of two devices would say little of the models.
    """
    if is_named(device, CPU):
        return
    for name in dict.fromkeys(frameworks):
        title, answer = registry.manifest(name).title, availability(name, job)
        if not answer.available:
            raise FrameworkUnavailable(f"{title}: {answer.reason}", answer.remedy)
        if not any(is_named(device, seen) for seen in answer.devices):
            names = ", ".join(dict.fromkeys((CPU, *answer.devices)))
            raise BadInput(f"{title} has no device “{device}” here.", f"Choose one of: {names}.")


def is_named(wanted: str, seen: str) -> bool:
    """Letter case ignored; "CUDA" stands for "CUDA0" and "GPU" for "GPU.0", as the frameworks take them."""
    return seen.upper() in {f"{wanted.upper()}{first}" for first in ("", "0", ".0")}


def common_devices(seen: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """CPU, and the names under which each of several frameworks, as it sees them, has one here."""
    each = [tuple(names) for names in seen]
    every = dict.fromkeys(name for names in each for name in names)
    shared = [name for name in every if all(any(is_named(name, one) for one in names) for names in each)]
    return tuple(dict.fromkeys((CPU, *shared)))
