"""Logits of one window, used and then thrown away."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import JobFailed
from backends.frameworks.base import EngineHandle

T = TypeVar("T")


def with_logits(handle: EngineHandle, token_ids: Sequence[int], use: Callable[[NDArray[np.float32]], T]) -> T:
    """``use`` of the memory-mapped logits (ids, vocabulary); their file is deleted afterwards.

    A window of a large vocabulary is hundreds of megabytes; sixteen of them must not fill the disk.
    ``use`` keeps no view of the array: Windows cannot delete what is still mapped.
    """
    ref = handle.logits(token_ids)
    try:
        if ref.positions != len(token_ids):
            raise JobFailed(f"The engine answered {ref.positions} positions for {len(token_ids)} token ids.")
        return use(np.load(ref.path, mmap_mode="r", allow_pickle=False))
    finally:
        with contextlib.suppress(OSError):
            ref.path.unlink()
