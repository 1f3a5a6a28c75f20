"""Growing arrays for live series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FIRST = 256
LIMIT = 1 << 20


class SeriesBuffer:
    """Two float64 columns, x and y, that double as they fill.

    At ``limit`` points the older half is dropped: memory is bounded, and ``x`` and ``y`` stay contiguous.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = max(2, limit)
        self._data = np.empty((2, min(FIRST, self._limit)))
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def x(self) -> NDArray[np.float64]:
        return self._data[0, : self._size]

    @property
    def y(self) -> NDArray[np.float64]:
        return self._data[1, : self._size]

    def append(self, x: float, y: float) -> None:
        if self._size == self._data.shape[1]:
            self._make_room()
        self._data[:, self._size] = x, y
        self._size += 1

    def clear(self) -> None:
        self._size = 0

    def at(self, x: float) -> list[float]:
        """Every y at exactly ``x``."""
        return [float(y) for y in self.y[self.x == x]]

    def nearest(self, x: float) -> tuple[float, float] | None:
        """The point whose x lies closest; x must have been appended in rising order."""
        if not self._size:
            return None
        after = int(np.searchsorted(self.x, x))
        candidates = [index for index in (after - 1, after) if 0 <= index < self._size]
        best = min(candidates, key=lambda index: abs(self.x[index] - x))
        return float(self.x[best]), float(self.y[best])

    def _make_room(self) -> None:
        if self._size < self._limit:
            grown = np.empty((2, min(2 * self._size, self._limit)))
            grown[:, : self._size] = self._data
            self._data = grown
            return
        kept = self._size // 2
        self._data[:, :kept] = self._data[:, self._size - kept : self._size]
        self._size = kept
