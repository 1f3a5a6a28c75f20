"""llama.cpp's log, heard: its lines are where alone it tells its progress and what it really does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_WARN, _ERROR = 3, 4  # enum ggml_log_level

Listener = Callable[[str], None]


class NativeLog:
    """Routes the native log: warnings and errors to stderr, where a worker's last words are looked for, and
    every piece (not always a whole line) to whoever listens.
    """

    def __init__(self, api: Any) -> None:
        self._listeners: list[Listener] = []
        self._callback = api.llama_log_callback(self._hear)  # must live as long as the library logs
        api.llama_log_set(self._callback, None)

    @contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    @contextmanager
    def collected(self) -> Iterator[list[str]]:
        """The pieces logged within the block."""
        pieces: list[str] = []
        with self.heard_by(pieces.append):
            yield pieces

    def _hear(self, level: int, text: bytes, _: Any) -> None:
        piece = text.decode(errors="replace")
        if level in (_WARN, _ERROR):
            sys.stderr.write(piece)
        for listener in tuple(self._listeners):
            listener(piece)
