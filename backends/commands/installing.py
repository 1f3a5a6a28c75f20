"""The frameworks there are, and installing what is missing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from backends import cli_text
from backends.codec import to_plain
from backends.commands.adding import AddCommand
from backends.domain.errors import BadInput
from backends.frameworks.base import Availability, Manifest
from backends.jobs.context import Context


def add(add_command: AddCommand) -> None:
    frameworks = add_command(
        "frameworks",
        _frameworks,
        "which frameworks there are, and what is missing for the others",
        _frameworks_text,
    )
    frameworks.add_argument(
        "verb", nargs="?", choices=("list", "install", "repair", "remove"), default="list"
    )
    frameworks.add_argument("name", nargs="?", help="the framework to install, repair or remove")
    frameworks.add_argument("--find-links", type=Path, metavar="DIR", help="wheels to install from, offline")
    frameworks.add_argument("--python", type=Path, help="an interpreter of your own that has the packages")


def _frameworks(arguments: argparse.Namespace, job: Context) -> dict[str, Any]:
    from backends.actions import environments
    from backends.actions.frameworks import availabilities, availability
    from backends.frameworks import registry

    if arguments.verb == "list":
        if arguments.name or arguments.python or arguments.find_links:
            raise BadInput("Listing takes no name and no options.", "Say install, repair or remove first.")
        found = availabilities(job)
        return {
            "frameworks": [_framework(entry, found[entry.name]) for entry in registry.manifests()],
            "tools": [_framework(tool, availability(tool.name, job)) for tool in registry.tools()],
        }
    if not arguments.name:
        raise BadInput(f"Which framework to {arguments.verb}?", "Name one of “edgewright frameworks”.")
    manifest = registry.manifest(arguments.name)
    if arguments.verb == "install":
        answer = environments.install(manifest.name, job, arguments.find_links, arguments.python)
    elif arguments.verb == "repair":
        answer = environments.repair(manifest.name, job, arguments.find_links)
    else:
        answer = environments.remove(manifest.name, job)
    return {"frameworks": [_framework(manifest, answer)]}


def _framework(manifest: Manifest, answer: Availability) -> dict[str, Any]:
    from backends.actions import environments

    status = environments.status(manifest)
    return {
        "title": manifest.title,
        "summary": manifest.summary,
        **to_plain(answer),
        "precisions": to_plain(manifest.precisions),
        "options": to_plain(manifest.options),
        "load_options": to_plain(manifest.load_options),
        "environment": {
            **to_plain(status),
            "shared_with": list(environments.sharing(manifest)),
            "isolation_reason": manifest.isolation_reason,
        },
    }


def _frameworks_text(document: Any) -> str:
    everything = [*document["frameworks"], *document.get("tools", ())]
    rows = [
        [
            entry["title"],
            "ready" if entry["available"] else "not available",
            entry["version"],
            " · ".join(entry["devices"]),
        ]
        for entry in everything
    ]
    notes = [
        cli_text.wrapped(
            f"{entry['title']}: {entry['reason'].rstrip('.')}. {entry['remedy']}".strip(), "", "  "
        )
        for entry in everything
        if entry["reason"]
    ]
    return "\n".join([cli_text.table(["framework", "state", "version", "devices"], rows), *notes])
