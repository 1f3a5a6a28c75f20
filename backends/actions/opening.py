"""Options of opening, as they are given: each for the frameworks that know it, or for one artifact alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from backends.domain.artifact import Artifact, Configuration, Option
from backends.domain.errors import BadInput
from backends.frameworks import registry

ALONE = ":"  # between an artifact's number and the option that is for it alone: "2:flash_attn"


def opened_with(
    configurations: Sequence[Configuration], given: Mapping[str, Option]
) -> tuple[Configuration, ...]:
    """Each with the options that its framework knows; "2:NAME" is for the second alone, and goes before NAME.

    Raises BadInput for an option that nobody knows whom it is for, and for a number without an artifact.
    """
    known = [_load_options(one.artifact) for one in configurations]
    own: list[dict[str, Option]] = [{} for _ in configurations]
    for key in sorted(given, key=lambda key: ALONE in key):
        number, _, name = key.rpartition(ALONE)
        wanted = [_place(number, len(own))] if number else range(len(own))
        takers = [place for place in wanted if name in known[place]]
        if not takers:
            every = ", ".join(sorted(set().union(*(known[place] for place in wanted))))
            remedy = f"Choose from: {every}." if every else "Leave it out: there is nothing to set."
            raise BadInput(f"There is no load option “{key}” here.", remedy)
        for place in takers:
            own[place][name] = given[key]
    return tuple(
        replace(one, load=replace(one.load, options=_checked(one.artifact, options)))
        for one, options in zip(configurations, own, strict=True)
    )


def load_words(opened: Sequence[Mapping[str, Option]]) -> dict[str, Option]:
    """What :func:`opened_with` takes, so that each artifact gets these options and no others."""
    found: dict[str, Option] = {}
    for name in dict.fromkeys(name for options in opened for name in options):
        values = [options.get(name) for options in opened]
        if None not in values and all(value == values[0] for value in values):
            found[name] = opened[0][name]
        else:
            found |= {
                f"{number}{ALONE}{name}": options[name]
                for number, options in enumerate(opened, 1)
                if name in options
            }
    return found


def _place(number: str, count: int) -> int:
    if number.isdecimal() and 1 <= int(number) <= count:
        return int(number) - 1
    raise BadInput(f"There is no artifact number “{number}”.", f"Count from 1, the original, to {count}.")


def _load_options(artifact: Artifact) -> set[str]:
    specs = registry.manifest(artifact.framework).load_options
    return {spec.name for spec in specs if spec.concerns(artifact.kind)}


def _checked(artifact: Artifact, own: Mapping[str, Option]) -> dict[str, Option]:
    checked = registry.manifest(artifact.framework).load_settings(own, artifact.kind)
    return {name: checked[name] for name in own}
