"""Options as manifests describe them: what may be set, and whether a given value will do. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backends.domain.artifact import Option
from backends.domain.errors import BadInput
from backends.domain.model import ModelKind

FLAG, WHOLE, NUMBER, TEXT, CHOICE = KINDS = ("flag", "whole", "number", "text", "choice")
ANY = "*"  # at the end of a name: all that begin so


@dataclass(frozen=True)
class OptionSpec:
    """One thing that can be set. ``default`` ``None`` leaves the choice to the framework."""

    name: str  # "group_size"; "dim.*" stands for every name that begins so
    kind: str  # one of KINDS
    note: str
    default: Option | None = None
    choices: tuple[Option, ...] = ()
    least: float | None = None
    most: float | None = None
    kinds: tuple[ModelKind, ...] = tuple(ModelKind)  # of model
    precisions: tuple[str, ...] = ()  # that it concerns; none named: all
    calibrates: bool = False  # where it is on, calibration data is needed

    def concerns(self, kind: ModelKind, precision: str = "") -> bool:
        known = {name.lower() for name in self.precisions}
        return kind in self.kinds and (not known or not precision or precision.lower() in known)

    def matches(self, name: str) -> bool:
        if self.name.endswith(ANY):
            return name.startswith(self.name.removesuffix(ANY)) and len(name) >= len(self.name)
        return name == self.name

    def checked(self, name: str, value: Option) -> Option:
        """The value in the manifest's own spelling. Raises BadInput with what would do."""
        if self.kind == CHOICE:
            return self._chosen(name, value)
        if self.kind == TEXT:
            return str(value)
        fits = isinstance(value, bool) if self.kind == FLAG else _is_number(value, self.kind)
        if not fits or not self._in_range(value):
            raise wrong(name, value, self._wanted())
        return value

    def _chosen(self, name: str, value: Option) -> Option:
        spelled = {str(choice).lower(): choice for choice in self.choices}.get(str(value).lower())
        if spelled is None:
            raise wrong(name, value, f"one of: {', '.join(_shown(choice) for choice in self.choices)}")
        return spelled

    def _in_range(self, value: Option) -> bool:
        if isinstance(value, bool | str):
            return True
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def _wanted(self) -> str:
        if self.kind == FLAG:
            return "true or false"
        what = "a whole number" if self.kind == WHOLE else "a number"
        low = "" if self.least is None else f"{self.least:g}"
        high = "" if self.most is None else f"{self.most:g}"
        if low and high:
            return f"{what} from {low} to {high}"
        return f"{what}, {low} or more" if low else f"{what}, {high} or less" if high else what


def settled(
    specs: Sequence[OptionSpec],
    given: Mapping[str, Option],
    kind: ModelKind,
    where: str,
    precision: str = "",
) -> dict[str, Option]:
    """The given options, checked, and the defaults of those that are not given.

    ``where``: who would have to know them, "llama.cpp for quantizing". A manifest that describes no options
    leaves all of them to its adapter. Raises BadInput for an option that is unknown, or that does nothing for
    this kind of model or this precision, and for a value that makes no sense.
    """
    if not specs:
        return dict(given)
    known = [spec for spec in specs if spec.concerns(kind, precision)]
    found = {spec.name: spec.default for spec in known if spec.default is not None}
    for name, value in given.items():
        spec = next((spec for spec in known if spec.matches(name)), None)
        if spec is None:
            raise _unknown(name, where, known)
        found[name] = spec.checked(name, value)
    return found


def wrong(name: str, value: object, wanted: str) -> BadInput:
    return BadInput(f"The option “{name}” cannot be “{value}”.", f"Give {wanted}.")


def _unknown(name: str, where: str, known: Sequence[OptionSpec]) -> BadInput:
    names = ", ".join(sorted(spec.name for spec in known))
    remedy = f"Choose from: {names}." if names else "Leave it out: there is nothing to set."
    return BadInput(f"There is no option “{name}” of {where}.", remedy)


def _is_number(value: Option, kind: str) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (kind == NUMBER and isinstance(value, float) and value == value)


def _shown(choice: Option) -> str:
    return str(choice).lower() if isinstance(choice, bool) else str(choice)
