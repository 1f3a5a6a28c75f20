"""What the comparison scripts share: measuring two ways in turns, and saying whether they agree."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from backends.benchmarking.statistics import ratio_interval
from backends.domain.metric import Interval
from backends.jobs.context import Context

NEAR = 0.02
VAGUE = 1.1  # from one end of the interval to the other
IDLE_S = 1.0
Figures = Mapping[str, float]  # name of a figure -> its value


@dataclass(frozen=True)
class Agreement:
    """One figure by both ways. ``ratio``: ours ÷ theirs, geometric mean of pairs with a 95 % interval."""

    name: str
    unit: str
    ours: float  # medians
    theirs: float
    ratio: Interval
    near: float = NEAR

    @property
    def agrees(self) -> bool:
        """Within 2 %, or the interval holds no difference."""
        return abs(self.ratio.estimate - 1) <= self.near or self.ratio.low <= 1 <= self.ratio.high

    def __str__(self) -> str:
        verdict = "agrees" if self.agrees else "DIFFERS"
        if self.agrees and self.ratio.high / self.ratio.low > VAGUE:
            verdict += ", but the interval is so wide that this tells little"
        span = f"{self.ratio.estimate:.4f} ({self.ratio.low:.4f} to {self.ratio.high:.4f})"
        return f"{self.name:<24}{self.ours:12.3f} {self.theirs:12.3f} {self.unit:<13} ratio {span}  {verdict}"

    def plain(self) -> dict[str, object]:
        return {**asdict(self), "agrees": self.agrees}


def in_turns(
    ours: Callable[[], Figures],
    theirs: Callable[[], Figures],
    pairs: int,
    units: Mapping[str, str],
    warm_up: bool = True,
) -> list[Agreement]:
    """Pairs in mirrored order, ours-theirs and theirs-ours by turns, after one unmeasured turn each."""
    if warm_up:
        say("one unmeasured turn each")
        ours()
        theirs()
    seen: list[tuple[Figures, Figures]] = []
    for number in range(pairs):
        found: dict[str, Figures] = {}
        ways = (("ours", ours), ("theirs", theirs))
        for name, measure in ways if number % 2 == 0 else ways[::-1]:
            time.sleep(IDLE_S)
            found[name] = measure()
        seen.append((found["ours"], found["theirs"]))
        shown = ", ".join(
            f"{name} {found['ours'][name]:.2f} and {found['theirs'][name]:.2f}" for name in units
        )
        say(f"pair {number + 1} of {pairs}: {shown}")
    return [agreement(name, unit, seen) for name, unit in units.items()]


def agreement(name: str, unit: str, seen: Sequence[tuple[Figures, Figures]]) -> Agreement:
    ratios = [ours[name] / theirs[name] for ours, theirs in seen]
    return Agreement(
        name,
        unit,
        median(ours[name] for ours, _ in seen),
        median(theirs[name] for _, theirs in seen),
        ratio_interval(ratios, confidence=0.95),
    )


def parser(doc: str | None, pairs: int | None = None) -> argparse.ArgumentParser:
    """With ``--json``, and ``--pairs`` where there are any."""
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    made.add_argument("--json", action="store_true", help="one JSON document on stdout")
    if pairs is not None:
        made.add_argument("--pairs", type=int, default=pairs, help=f"(default: {pairs})")
    return made


def report(found: Sequence[Agreement], as_json: bool, **more: object) -> int:
    """Print, and return the exit code: 0 where all agree, else 1."""
    if as_json:
        print(json.dumps({**more, "agreements": [one.plain() for one in found]}, indent=1))
    else:
        print(f"{'':<24}{'ours':>12} {'theirs':>12}")
        print("\n".join(str(one) for one in found))
    return 0 if all(one.agrees for one in found) else 1


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def quiet_job() -> Context:
    """A job whose events nobody reads."""
    return Context(lambda event: None)
