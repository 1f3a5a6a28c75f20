"""How a module of commands offers them to the command line, and what several of them read alike."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from backends import cli_text
from backends.domain.artifact import CPU, Option
from backends.domain.errors import BadInput
from backends.jobs.context import Context

Command = Callable[[argparse.Namespace, Context], Any]
Render = Callable[[Any], str]


class AddCommand(Protocol):
    """Adds a command with ``--json`` and returns its parser, for what else it takes."""

    def __call__(
        self, name: str, run: Command, help_text: str, render: Render = cli_text.fields
    ) -> argparse.ArgumentParser: ...


def add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device", default=CPU, help="what the models run on, as “frameworks” lists it (usual: CPU)"
    )


def add_load(command: argparse.ArgumentParser, *, several: bool = False) -> None:
    """``--load NAME=VALUE``, as often as wanted; :func:`options_of` reads it. ``several``: artifacts."""
    alone = "; 2:NAME=VALUE is for the second artifact alone" if several else ""
    command.add_argument(
        "--load",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"an option of opening, for the frameworks that know it; “frameworks --json” lists them{alone}",
    )


def options_of(texts: Iterable[str]) -> dict[str, Option]:
    """``NAME=VALUE`` with the value's own type: true, false, a number, else text. Raises BadInput."""
    return dict(_option(text) for text in texts)


def _option(text: str) -> tuple[str, Option]:
    name, equals, value = text.partition("=")
    if not name.strip() or not equals:
        raise BadInput(f"“{text}” sets no option.", "Write NAME=VALUE, such as group_size=32.")
    try:
        plain = json.loads(value)
    except ValueError:
        plain = value
    return name.strip(), plain if isinstance(plain, int | float | bool | str) else value
