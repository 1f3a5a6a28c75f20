"""How a module of commands offers them to the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Protocol

from backends import cli_text
from backends.jobs.context import Context

Command = Callable[[argparse.Namespace, Context], Any]
Render = Callable[[Any], str]


class AddCommand(Protocol):
    """Adds a command with ``--json`` and returns its parser, for what else it takes."""

    def __call__(
        self, name: str, run: Command, help_text: str, render: Render = cli_text.fields
    ) -> argparse.ArgumentParser: ...
