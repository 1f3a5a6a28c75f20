"""Where to put the names of points so that none covers another. Plain geometry in pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

GAP = 5.0


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    def overlap(self, other: Box) -> float:
        """Shared area."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return max(0.0, across) * max(0.0, down)


@dataclass(frozen=True)
class Anchor:
    """A point's disc and the size of its label."""

    x: float
    y: float
    radius: float
    width: float
    height: float

    @property
    def disc(self) -> Box:
        return Box(self.x - self.radius, self.y - self.radius, 2 * self.radius, 2 * self.radius)


def place(anchors: Sequence[Anchor], bounds: Box, obstacles: Sequence[Box] = ()) -> list[Box]:
    """A box per anchor: right of its disc if free, else left, above, below, or at a corner."""
    placed: list[Box] = []
    discs = [anchor.disc for anchor in anchors]
    for number, anchor in enumerate(anchors):
        others = [*obstacles, *placed, *discs[:number], *discs[number + 1 :]]
        placed.append(min(_candidates(anchor), key=lambda box: _cost(box, others, bounds)))
    return placed


def _candidates(anchor: Anchor) -> Iterator[Box]:
    width, height = anchor.width, anchor.height
    right, left = anchor.x + anchor.radius + GAP, anchor.x - anchor.radius - GAP - width
    above, below = anchor.y - anchor.radius - GAP - height, anchor.y + anchor.radius + GAP
    middle_x, middle_y = anchor.x - width / 2, anchor.y - height / 2
    near = anchor.radius * 0.7
    for x, y in (
        (right, middle_y),
        (left, middle_y),
        (middle_x, above),
        (middle_x, below),
        (anchor.x + near, anchor.y - near - height),
        (anchor.x + near, anchor.y + near),
        (anchor.x - near - width, anchor.y - near - height),
        (anchor.x - near - width, anchor.y + near),
    ):
        yield Box(x, y, width, height)


def _cost(box: Box, others: Sequence[Box], bounds: Box) -> float:
    outside = box.width * box.height - box.overlap(bounds)
    return 4 * outside + sum(box.overlap(other) for other in others)
