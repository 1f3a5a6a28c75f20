"""The waterfall of a progressive optimization: what every stage did to the speed, on a scale of factors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from backends.domain.metric import Interval
from backends.reporting import words
from backends.reporting.account import Account, StageLine
from backends.reporting.colors import palette
from backends.reporting.plot import WIDTH, Chart, Scale, finished, is_drawable
from backends.reporting.svg import Drawing, shortened, text_width

_ROW = 40.0
_LEFT = 190.0
_RIGHT = 210.0
_AXIS = 44.0
_BAR = 16.0
_STEPS = (0.05, 0.1, 0.2, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)  # ticks of factors


def waterfall_chart(account: Account) -> Chart | None:
    """A row a stage: its bar begins where the kept stages before it had come to. Grey: not kept."""
    rows = [(line, start) for line, start in _starts(account.stages) if line.factor is not None]
    drawn = [(line, start) for line, start in rows if line.factor and is_drawable(line.factor)]
    if len(drawn) < 2:
        return None
    title = f"What each stage did to {account.stage_metric.lower()} speed"
    bottom = _ROW * len(drawn)
    drawing = Drawing(WIDTH, bottom + _AXIS, title)
    across = _scale(drawn)
    _grid(drawing, across, bottom)
    for number, (line, start) in enumerate(drawn):
        _row(drawing, across, line, start, _ROW * (number + 0.5))
    drawing.text(
        (across.start + across.end) / 2,
        bottom + 36,
        "× the original, logarithmic: equal lengths are equal factors",
        palette()["muted"],
        "middle",
        11,
    )
    note = (
        "Each bar begins where the kept stages before it had come to and is as long as its own factor; the "
        "thin line is the interval of the factor. Pale with a dashed edge: not kept, the next stage went on "
        "from before it. Validation measures the whole anew, against the original."
    )
    return finished("waterfall", title, drawing, note)


def _starts(lines: Sequence[StageLine]) -> list[tuple[StageLine, float]]:
    """With the total before each; validation begins at the original."""
    found, before = list[tuple[StageLine, float]](), 1.0
    for line in lines:
        found.append((line, 1.0 if line.step == "validation" else before))
        if line.kept and line.total is not None:
            before = line.total.estimate
    return found


def _scale(rows: Sequence[tuple[StageLine, float]]) -> Scale:
    """In logarithms, with the original's 1 always on it."""
    ends = [1.0]
    for line, start in rows:
        assert line.factor is not None
        ends += [start, start * line.factor.low, start * line.factor.high]
    low, high = math.log(max(1e-3, min(ends))), math.log(max(ends))
    room = max(0.1, (high - low) * 0.06)
    return Scale(low - room, high + room, _LEFT, WIDTH - _RIGHT)


def _grid(drawing: Drawing, across: Scale, bottom: float) -> None:
    shown_to = -math.inf
    for step in _STEPS:
        place = math.log(step)
        if not across.low <= place <= across.high:
            continue
        x = across.at(place)
        original = step == 1
        color = palette()["muted"] if original else palette()["line"]
        drawing.line(x, 0, x, bottom, color, 1, "3 3" if original else "")
        if x - shown_to > 34 or original:
            drawing.text(x, bottom + 18, f"{step:g}×", palette()["muted"], "middle", size=11)
            shown_to = x


def _row(drawing: Drawing, across: Scale, line: StageLine, start: float, y: float) -> None:
    assert line.factor is not None
    factor = line.factor
    here, there = across.at(math.log(start)), across.at(math.log(start * factor.estimate))
    low, high = (across.at(math.log(start * end)) for end in (factor.low, factor.high))
    drawing.text(_LEFT - 14, y - 2, line.title, palette()["text"], "end", bold=True)
    drawing.text(_LEFT - 14, y + 12, shortened(line.label, _LEFT - 20, 11), palette()["muted"], "end", 11)
    if line.step == "baseline":
        drawing.circle(here, y, 4.5, palette()["muted"])
    else:
        _bar(drawing, min(here, there), abs(there - here), y, line)
        for x in (low, high):
            drawing.line(x, y - 5, x, y + 5, palette()["text"], 1.2)
        drawing.line(low, y, high, y, palette()["text"], 1.2)
    _figures(drawing, line, factor, y)


def _bar(drawing: Drawing, x: float, width: float, y: float, line: StageLine) -> None:
    counts = line.kept or line.step == "validation"
    color = palette()["accent"] if counts else palette()["muted"]
    drawing.rect(x, y - _BAR / 2, max(1.5, width), _BAR, color, 0.85 if counts else 0.22, 2)
    if not counts:
        for edge in (y - _BAR / 2, y + _BAR / 2):
            drawing.line(x, edge, x + max(1.5, width), edge, color, 1, "3 2")


def _figures(drawing: Drawing, line: StageLine, factor: Interval, y: float) -> None:
    x = WIDTH - _RIGHT + 14
    if line.step == "baseline":
        drawing.text(x, y + 4, "1×, the original", palette()["muted"])
        return
    figure = words.ratio(factor)
    drawing.text(x, y - 2, figure.main, palette()["text"], bold=True)
    drawing.text(x + text_width(figure.main, 12.5) + 8, y - 2, figure.note, palette()["muted"], size=11)
    drawing.text(x, y + 12, line.verdict, palette()["muted"], size=11)
