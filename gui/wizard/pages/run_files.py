"""A run as files: the whole record as JSON, its configurations as CSV, the page as a picture."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from backends.domain.errors import BadInput
from backends.domain.result import RunRecord


def save_run(record: RunRecord, view: QWidget, path: Path) -> None:
    """By the suffix of ``path``. Raises BadInput where it cannot be written, or is of another kind."""
    writers: Mapping[str, Callable[[], bytes | None]] = {
        ".json": lambda: run_json(record),
        ".csv": lambda: run_csv(record),
        ".png": lambda: None,
    }
    write = writers.get(path.suffix.lower())
    if write is None:
        raise _cannot_write(path)
    content = write()
    try:
        if content is not None:
            path.write_bytes(content)
            return
    except OSError as error:
        raise _cannot_write(path) from error
    if not view.grab().save(str(path), "PNG"):
        raise _cannot_write(path)


def run_json(record: RunRecord) -> bytes:
    """The document the command line prints: "edgewright history RUN --json"."""
    from backends.cli_text import run_document

    return (json.dumps(run_document(record), indent=1) + "\n").encode()


def run_csv(record: RunRecord) -> bytes:
    """A row a configuration; lists and counts as JSON, what was not measured empty."""
    from backends.cli_text import configuration_row

    rows = [{name: _plain(value) for name, value in configuration_row(r).items()} for r in record.results]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["label"])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _plain(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _cannot_write(path: Path) -> BadInput:
    translate = QCoreApplication.translate
    return BadInput(
        translate("Measured", "{0} cannot be written.").format(path),
        translate("Measured", "Choose another folder, or free some space."),
    )
