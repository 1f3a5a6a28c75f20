"""Flags for the images' way into a model, shared by all commands that take images."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from backends.domain.preprocessing import CHANNEL_ORDERS, LAYOUTS

if TYPE_CHECKING:
    from backends.actions.preprocessing import Asked

OF_WHAT = "per channel, of pixels scaled to 0..1, or of bytes where the model takes bytes"


def add_preprocessing(command: argparse.ArgumentParser) -> None:
    """``--mean``, ``--std``, ``--size``, ``--layout``, ``--channel-order``; :func:`asked_of` reads them."""
    command.add_argument("--mean", type=floats, help=OF_WHAT)
    command.add_argument("--std", type=floats, help=OF_WHAT)
    command.add_argument(
        "--size", type=size, metavar="HxW", help="of the images, where the model leaves it open"
    )
    command.add_argument("--layout", choices=LAYOUTS, default="", help="where the shape does not tell")
    command.add_argument(
        "--channel-order",
        choices=CHANNEL_ORDERS,
        default="",
        help="of the colours the model takes, and of --mean and --std (usual: RGB)",
    )


def asked_of(arguments: argparse.Namespace) -> Asked:
    from backends.actions.preprocessing import Asked

    return Asked(arguments.mean, arguments.std, arguments.size, arguments.layout, arguments.channel_order)


def floats(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def size(text: str) -> tuple[int, int]:
    height, width = (int(part) for part in text.lower().split("x"))
    return height, width
