"""What a user says of the images' way into a model, made whole by what the model's input asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from backends.domain.errors import BadInput
from backends.domain.model import SourceModel
from backends.domain.preprocessing import Preprocessing, usual_scale
from backends.quality.data import preprocessing_for, read_images


@dataclass(frozen=True)
class Asked:
    """All of it may be left open, and then follows from the model's input and the first image.

    ``mean`` and ``std``: one figure, or one a channel in the order of ``channel_order``, of pixels in 0..1.
    ``size``: height, width in pixels.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    size: tuple[int, int] | None = None
    layout: str = ""
    channel_order: str = ""


def preprocessing_of(source: SourceModel, asked: Asked, *data: Path | None) -> Preprocessing | None:
    """For the first of ``data`` that are images as bytes; ``None`` without any, or where nothing is asked.

    Raises BadInput for what cannot be.
    """
    if asked == Asked() or len(source.profile.inputs) != 1:
        return None
    opened = (read_images(path) for path in data if path is not None)
    images = next((found for found in opened if not found.ready), None)
    if images is None:
        return None
    found = _told(source.preprocessing, asked)
    if found is None:
        first = images.load(slice(0, 1))[0]
        found = preprocessing_for(source.profile.inputs[0], first, asked.mean, asked.std)
    height, width = asked.size or (found.height, found.width)
    if found.channels == 1 and asked.channel_order:
        raise BadInput("The model takes grey images, whose one channel has no order.", "Leave it out.")
    layout, order = asked.layout or found.layout, asked.channel_order or found.channel_order
    wanted = replace(found, height=height, width=width, layout=layout, channel_order=order)
    if wanted.problem:
        raise BadInput(wanted.problem, "Set the preprocessing again.")
    return wanted


def _told(known: Preprocessing | None, asked: Asked) -> Preprocessing | None:
    """What lies beside the model, with what is said of its figures; of another size, all is resized."""
    if known is None:
        return None
    scale = usual_scale(known.dtype)  # at which mean and standard deviation are asked for
    mean, std = (tuple(value * scale / known.scale for value in own) for own in (known.mean, known.std))
    return replace(
        known,
        scale=scale,
        mean=asked.mean or mean,
        std=asked.std or std,
        shorter_side=0 if asked.size else known.shorter_side,
    )


def preprocessed(source: SourceModel, asked: Asked, *data: Path | None) -> SourceModel:
    """``source`` with the preprocessing that was asked for, for calibration and for whoever judges.

    Raises BadInput where it would be of no effect.
    """
    found = preprocessing_of(source, asked, *data)
    if found is None and asked != Asked():
        raise BadInput(
            "There are no images here that could be preprocessed.",
            "Name some for a model with one input, or leave mean, std, size, layout and channel order out.",
        )
    return replace(source, preprocessing=found or source.preprocessing)
