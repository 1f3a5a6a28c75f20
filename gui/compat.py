"""A guard against a fault of PySide6 6.12.0 on Python 3.11."""

from __future__ import annotations

import ctypes
import sys

MANY = 1 << 60


def keep_singletons_alive() -> None:
    """Give ``None``, ``True`` and ``False`` more references than can ever be lost.

    The abi3 wheel of PySide6 6.12.0 is built as if they were immortal, which they are from Python 3.12 on
    (PEP 683). On 3.11 every call that returns nothing drops a reference to ``None``, and after some thousand
    of them the interpreter aborts with "none_dealloc". PySide6 6.11.3 does not do so.
    """
    if sys.version_info < (3, 12) and sys.implementation.name == "cpython":
        for singleton in (None, True, False, NotImplemented, Ellipsis):
            ctypes.c_ssize_t.from_address(id(singleton)).value = MANY
