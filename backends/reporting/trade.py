"""Speed against quality: who is worth a choice, and which of them meet the gates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backends.domain.metric import Interval
from backends.reporting import words
from backends.reporting.account import Account, label_of
from backends.reporting.colors import colors_of, palette
from backends.reporting.figures import EXACTLY_ONE, compared, quality_kept, rates_of
from backends.reporting.plot import (
    WIDTH,
    Chart,
    Scale,
    around,
    finished,
    horizontal_grid,
    is_drawable,
    vertical_grid,
)
from backends.reporting.svg import Drawing, text_width

_SPEED_GATES = ("decode_speed", "inference_speed")
_QUALITY_GATES = ("accuracy", "top1_agreement", "agreement", "output_similarity")
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, WIDTH - 40, 18.0, 244.0


@dataclass(frozen=True)
class _Point:
    label: str
    speed: Interval
    quality: Interval


def trade_chart(account: Account) -> Chart | None:
    """Main rate against the original, and the quality kept; only points that share one measure."""
    metrics = rates_of(account.record.results)
    points, measure = _points(account, metrics[0]) if metrics else ([], "")
    if len(points) < 2:
        return None
    title = f"{words.RATES[metrics[0]][0]} speed and quality kept"
    drawing = Drawing(WIDTH, 300, title)
    across = Scale(*around([p.speed for p in points], 0.15), _LEFT, _RIGHT)
    up = Scale(*around([p.quality for p in points], 0.25), _BOTTOM, _TOP)
    vertical_grid(drawing, across, _TOP, _BOTTOM, "×")
    horizontal_grid(drawing, up, _LEFT, _RIGHT, " %", 100)
    _gates_met(drawing, account, across, up)
    _scatter(drawing, points, colors_of(account.record.results), across, up)
    below = f"{words.RATES[metrics[0]][0].lower()} speed against the original"
    drawing.text((_LEFT + _RIGHT) / 2, 288, below, palette()["muted"], "middle")
    note = f"Right is faster, up is better. Quality: {measure}. Bars: intervals; green: both gates met."
    return finished("trade", title, drawing, note)


def _points(account: Account, metric: str) -> tuple[list[_Point], str]:
    known = [
        (label_of(one), comparison.ratio, kept)
        for one in account.candidates
        if (comparison := compared(one, metric)) and (kept := quality_kept(one))
        if is_drawable(comparison.ratio) and is_drawable(kept[1])
    ]
    if not known:
        return [], ""
    measure = known[0][2][0]
    points = [_Point(label, speed, kept[1]) for label, speed, kept in known if kept[0] == measure]
    if account.original is not None and not account.original.failure:
        points.insert(0, _Point(label_of(account.original), EXACTLY_ONE, EXACTLY_ONE))
    return points, measure


def speed_gate(account: Account) -> float | None:
    return _threshold(account, _SPEED_GATES)


def _threshold(account: Account, names: Sequence[str]) -> float | None:
    gates = (gate.gate for one in account.candidates for gate in one.gates)
    return next((gate.threshold for gate in gates if gate.name in names), None)


def _gates_met(drawing: Drawing, account: Account, across: Scale, up: Scale) -> None:
    """Where both the speed and the quality gate would pass."""
    speed, quality = speed_gate(account), _threshold(account, _QUALITY_GATES)
    if speed is None or quality is None or speed > across.high or quality > up.high:
        return
    x, y = across.at(max(speed, across.low)), up.at(max(quality, up.low))
    drawing.rect(x, up.end, across.end - x, y - up.end, palette()["ok"], 0.1)
    drawing.text(across.end - 8, up.end + 16, "both gates met", palette()["ok"], "end", size=11)


_Box = tuple[float, float, float, float]


def _scatter(
    drawing: Drawing, points: Sequence[_Point], colors: Mapping[str, str], across: Scale, up: Scale
) -> None:
    taken = [box for point in points for box in _cross(point, across, up)]
    for point in points:
        color = colors[point.label]
        for x1, y1, x2, y2 in _cross(point, across, up)[:2]:
            drawing.rect(x1, y1, x2 - x1, y2 - y1, color)
        x, y = across.at(point.speed.estimate), up.at(point.quality.estimate)
        drawing.circle(x, y, 6, color, hint=point.label)
        box = _free_place(point.label, x, y, taken)
        taken.append(box)
        drawing.text(box[0], box[3] - 4, point.label, palette()["text"])


def _cross(point: _Point, across: Scale, up: Scale) -> tuple[_Box, ...]:
    """The two intervals and the dot."""
    x, y = across.at(point.speed.estimate), up.at(point.quality.estimate)
    return (
        (across.at(point.speed.low), y - 0.75, across.at(point.speed.high), y + 0.75),
        (x - 0.75, up.at(point.quality.high), x + 0.75, up.at(point.quality.low)),
        (x - 7, y - 7, x + 7, y + 7),
    )


def _free_place(label: str, x: float, y: float, taken: Sequence[_Box]) -> _Box:
    """The first place around a dot that covers nothing and is on the paper; where none is, the first."""
    width = text_width(label)
    places = [(left, top, left + width, top + 16) for left, top in _places(x, y, width)]
    free = (
        box
        for box in places
        if box[0] > _LEFT and box[2] < WIDTH and not any(_overlap(box, other) for other in taken)
    )
    return next(free, places[0])


def _places(x: float, y: float, width: float) -> Iterator[tuple[float, float]]:
    for top in (-18, 3, -8, -36, 22):
        yield x + 9, y + top
        yield x - 9 - width, y + top


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
