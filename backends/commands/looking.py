"""Looking without changing: detect, assess, recommend."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from backends.cli_views import assess_text, detect_text, recommend_text
from backends.codec import to_plain
from backends.commands.adding import AddCommand
from backends.commands.sourcing import named
from backends.jobs.context import Context


def add(add_command: AddCommand) -> None:
    detect = add_command(
        "detect", _detect, "what is in this machine, and what can be used of it", detect_text
    )
    detect.add_argument("--fresh", action="store_true", help="measure bandwidth and arithmetic again")
    assess = add_command("assess", _assess, "what a model is, and which frameworks take it", assess_text)
    assess.add_argument("model", type=Path)
    recommend = add_command(
        "recommend", _recommend, "frameworks and precisions for a model, ranked with reasons", recommend_text
    )
    recommend.add_argument("model", type=Path)
    recommend.add_argument("--target", default="this", help="this, android, ios, intel_server, …")


def _detect(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.detect import detect

    found = detect(job, fresh=arguments.fresh)
    return {
        "hardware": to_plain(found.hardware),
        "frameworks": [to_plain(answer) for answer in found.availability.values()],
    }


def _assess(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions.assess import assess
    from backends.actions.takers import takers

    source = assess(named(arguments.model, job), job)
    return {
        "profile": to_plain(source.profile),
        "forms": {form.value: str(path) for form, path in source.forms.items()},
        "frameworks": [to_plain(taker) for taker in takers(source)],
    }


def _recommend(arguments: argparse.Namespace, job: Context) -> Any:
    from backends.actions.assess import assess
    from backends.actions.detect import detect
    from backends.actions.recommend import recommend_for

    source = assess(named(arguments.model, job), job)
    found = detect(job)
    return to_plain(recommend_for(source, found.hardware, found.availability, target=arguments.target))
