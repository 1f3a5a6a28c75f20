"""How a model is best opened here: one knob after the other, each value in turns with the best so far. Pure.

Knobs act nearly apart from one another, so going through them one by one finds in a dozen trials what a
sampler needs many more for; and a value is only ever compared with another one of the same minute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from backends.benchmarking import metrics
from backends.domain.artifact import LoadOptions, Option
from backends.domain.metric import Measurement, Workload
from backends.domain.model import ModelKind
from backends.domain.result import Trial
from backends.frameworks.base import Knob

LEAST_GAIN = 0.03  # below this a quick look cannot tell, and the simpler setting stays


@dataclass(frozen=True)
class Setting:
    """One value of a knob. ``threads`` ``None``: as they are."""

    text: str
    options: Mapping[str, Option]
    threads: int | None = None

    def applied(self, load: LoadOptions, knob: Knob) -> LoadOptions:
        """Options of the knob's other values are taken back."""
        own = {name for choice in knob.choices for name in choice}
        kept = {name: value for name, value in load.options.items() if name not in own}
        threads = load.threads if self.threads is None else self.threads
        return replace(load, threads=threads, options={**kept, **self.options})


#: Speed of each load option ÷ that of the first, which is the best so far; a sentence where it would not run.
Compare = Callable[[Sequence[LoadOptions]], Sequence[float | str]]


@dataclass(frozen=True)
class Found:
    load: LoadOptions
    trials: tuple[Trial, ...]
    untried: tuple[str, ...]  # knobs for which the time was not enough


def knobs_for(knobs: Sequence[Knob], kind: ModelKind) -> tuple[Knob, ...]:
    return tuple(knob for knob in knobs if kind in knob.kinds)


def settings(knob: Knob, thread_counts: Sequence[int]) -> tuple[Setting, ...]:
    if knob.threads:
        return tuple(Setting(str(count), {}, count) for count in thread_counts)
    return tuple(Setting(_spelled(choice), choice) for choice in knob.choices)


def search(
    start: LoadOptions,
    knobs: Sequence[Knob],
    thread_counts: Sequence[int],
    compare: Compare,
    rounds: int = 1,
    in_time: Callable[[], bool] = lambda: True,
) -> Found:
    """Knob after knob from ``start``, as often as ``rounds`` or until a round changes nothing.

    ``in_time`` is asked before every knob. Raises what ``compare`` raises.
    """
    best, trials, untried = start, list[Trial](), list[str]()
    for _ in range(rounds):
        before = best
        for knob in knobs:
            if not in_time():
                untried.append(knob.name)
                continue
            best, seen = _turned(best, knob, thread_counts, compare)
            trials += seen
        if best == before:
            break
    return Found(best, tuple(trials), tuple(dict.fromkeys(untried)))


def _turned(
    best: LoadOptions, knob: Knob, thread_counts: Sequence[int], compare: Compare
) -> tuple[LoadOptions, list[Trial]]:
    """The best so far with one knob where it serves best."""
    loads = [(setting, setting.applied(best, knob)) for setting in settings(knob, thread_counts)]
    others = [(setting, load) for setting, load in loads if load != best]
    if not others:
        return best, []
    gains = compare([best, *(load for _, load in others)])
    trials = [
        Trial(knob.name, setting.text, None, gain)
        if isinstance(gain, str)
        else Trial(knob.name, setting.text, gain)
        for (setting, _), gain in zip(others, gains, strict=True)
    ]
    known = [gain if isinstance(gain, float) else 0.0 for gain in gains]
    place = known.index(max(known))
    if known[place] < 1 + LEAST_GAIN:
        return best, trials
    trials[place] = replace(trials[place], taken=True)
    return others[place][1], trials


def in_batches(loads: Sequence[LoadOptions], most: int, compare: Compare) -> list[float | str]:
    """``compare`` with at most ``most`` at a time, two at least; the first of ``loads`` is in every batch, so
    that each is held against it within the same minutes."""
    reference, *others = loads
    size = max(1, most - 1)
    gains: list[float | str] = []
    for start in range(0, len(others), size):
        gains += compare([reference, *others[start : start + size]])
    return gains


def gain(ours: Sequence[Measurement], reference: Sequence[Measurement], work: Workload) -> float:
    """Geometric mean over all rates of the median ratio, turn by turn."""
    logs = []
    for metric in metrics.rate_metrics(work):
        ratios = [
            metrics.figures(one)[metric] / metrics.figures(other)[metric]
            for one, other in zip(ours, reference, strict=True)
        ]
        logs.append(math.log(median(ratios)))
    return math.exp(sum(logs) / len(logs))


def described(load: LoadOptions, start: LoadOptions) -> str:
    """What was changed: "threads=2, flash_attn=True"; "" for nothing."""
    changed: dict[str, Option] = {"threads": load.threads} if load.threads != start.threads else {}
    changed |= {name: value for name, value in load.options.items() if start.options.get(name) != value}
    return _spelled(changed) if changed else ""


def _spelled(choice: Mapping[str, Option]) -> str:
    return ", ".join(f"{name}={value}" for name, value in choice.items()) or "as usual"
