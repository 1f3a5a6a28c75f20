"""How a configuration is opened, where that is not as usual: as values and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backends.domain.artifact import Configuration, LoadOptions, Option
from gui.wizard.pages.option_fields import words

USUAL = LoadOptions()
DEVICE, THREADS, CONTEXT = SHARED = ("device", "threads", "context")  # fields of LoadOptions


def shared_values(load: LoadOptions, names: Sequence[str] = SHARED) -> dict[str, Option]:
    """Of what is alike for all of a comparison."""
    return {name: getattr(load, name) for name in names if getattr(load, name) != getattr(USUAL, name)}


def shared_load(values: Mapping[str, Option]) -> LoadOptions:
    """The other way round."""
    return LoadOptions(
        str(values.get(DEVICE, USUAL.device)),
        int(values.get(THREADS, USUAL.threads)),
        int(values.get(CONTEXT, USUAL.context)),
    )


def opened_words(configuration: Configuration) -> str:
    """ "threads 2 · hint throughput"; "" where it was opened as usual, or its name says how.

    Without the context, which is alike for all and follows the model.
    """
    if configuration.name:
        return ""
    load = configuration.load
    return words(shared_values(load, (DEVICE, THREADS)) | dict(load.options))
