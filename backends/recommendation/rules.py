"""The platform rules: which framework leads where, as priors until figures replace them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backends.domain.errors import BadInput
from backends.domain.hardware import HardwareProfile
from backends.domain.model import ModelKind, ModelProfile

THIS_MACHINE = "this"


@dataclass(frozen=True)
class Rule:
    """A platform or target with the framework that leads on it. ``why`` completes "because of …"."""

    id: str
    title: str
    primary: str
    secondary: str
    why: str


@dataclass(frozen=True)
class Target:
    id: str
    title: str
    rule: Rule | None  # None: this machine, whose platform decides


@dataclass(frozen=True)
class RuleBook:
    platforms: tuple[tuple[Mapping[str, str], Rule], ...]
    targets: tuple[Target, ...]
    kind_order: Mapping[str, tuple[str, ...]]
    enterprise_parameters: int
    enterprise_order: tuple[str, ...]
    lightweight_order: tuple[str, ...]
    home: Mapping[str, str]  # framework -> the platform rule it is made for

    def target(self, target_id: str) -> Target:
        for target in self.targets:
            if target.id == target_id:
                return target
        names = ", ".join(target.id for target in self.targets)
        raise BadInput(f"There is no target “{target_id}”.", f"Choose one of: {names}.")

    def rule_for(self, hardware: HardwareProfile, target_id: str = THIS_MACHINE) -> Rule:
        """The rule that speaks for a target; for this machine, the first platform whose facts all hold."""
        rule = self.target(target_id).rule
        if rule is not None:
            return rule
        facts = platform_facts(hardware)
        return next(
            rule
            for when, rule in self.platforms
            if all(value in facts.get(key, ()) for key, value in when.items())
        )

    def order(self, model: ModelProfile) -> tuple[str, ...]:
        """Frameworks from first to last for a model's kind and size."""
        if model.kind != ModelKind.LANGUAGE:
            return self.kind_order[model.kind.value]
        if model.contents.parameters > self.enterprise_parameters:
            rest = self.enterprise_order
        else:
            rest = self.lightweight_order
        return tuple(dict.fromkeys((*rest, *self.kind_order[model.kind.value])))

    def is_away(self, framework: str, rule: Rule) -> bool:
        """Whether a framework runs away from the one platform or target it is made for."""
        home = self.home.get(framework)
        return home is not None and framework not in (rule.primary, rule.secondary) and rule.id != home

    def strategy(self, model: ModelProfile) -> str:
        big = model.contents.parameters > self.enterprise_parameters
        return "enterprise" if big else "lightweight"


def platform_facts(hardware: HardwareProfile) -> dict[str, tuple[str, ...]]:
    """The facts that rules may ask for, in lower case."""
    vendor = (hardware.processor.vendor.value or "").lower()
    known = tuple(name for name in ("intel", "amd", "apple", "qualcomm", "arm") if name in vendor)
    return {
        "architecture": (hardware.processor.architecture,),
        "system": (hardware.operating_system.family,),
        "vendor": known,
        "accelerator_vendor": tuple(device.vendor.lower() for device in hardware.accelerators),
        "accelerator_kind": tuple(device.kind.value for device in hardware.accelerators),
    }


def read_rules(path: Path) -> RuleBook:
    with path.open("rb") as file:
        data = tomllib.load(file)
    strategy = data["strategy"]
    return RuleBook(
        platforms=tuple((entry["when"], _rule(entry)) for entry in data["platform"]),
        targets=tuple(
            Target(entry["id"], entry["title"], _rule(entry) if "primary" in entry else None)
            for entry in data["target"]
        ),
        kind_order={kind: tuple(order) for kind, order in data["kind_order"].items()},
        enterprise_parameters=strategy["enterprise_parameters"],
        enterprise_order=tuple(strategy["enterprise_order"]),
        lightweight_order=tuple(strategy["lightweight_order"]),
        home=data["home"],
    )


def _rule(entry: Mapping[str, str]) -> Rule:
    return Rule(entry["id"], entry["title"], entry["primary"], entry["secondary"], entry["why"])
