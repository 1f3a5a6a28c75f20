"""The history of runs in SQLite, written as results arrive so that a crash loses nothing."""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from backends.codec import from_plain, to_plain
from backends.domain.errors import BadInput, JobFailed
from backends.domain.hardware import HardwareProfile
from backends.domain.result import ConfigurationResult, Reading, RunRecord, RunSetup, Stage

SCHEMA_VERSION = 3
_STAGES = """
CREATE TABLE stage ( -- of a progressive optimization
    number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run ON DELETE CASCADE,
    body TEXT NOT NULL
);
CREATE INDEX stage_of_run ON stage (run_id, number);
"""
_REQUESTS = """
CREATE TABLE request ( -- what was asked for, so that a run can be carried on
    run_id TEXT PRIMARY KEY REFERENCES run ON DELETE CASCADE,
    body TEXT NOT NULL
);
CREATE TABLE document ( -- a measurement that is no comparison; "kind" is the command that made it
    document_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    started_at TEXT NOT NULL,
    model TEXT NOT NULL,
    body TEXT NOT NULL
)
"""
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_SCHEMA = """
CREATE TABLE run (
    run_id TEXT PRIMARY KEY,
    started_at TEXT NOT NULL,
    model TEXT NOT NULL,
    state TEXT NOT NULL,
    machine TEXT NOT NULL,
    notes TEXT NOT NULL,
    setup TEXT NOT NULL,
    process TEXT NOT NULL -- of the program that runs it: id and start time
);
CREATE TABLE result (
    run_id TEXT NOT NULL REFERENCES run ON DELETE CASCADE,
    label TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run_id, label)
);
CREATE TABLE reading (
    number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run ON DELETE CASCADE,
    body TEXT NOT NULL
);
CREATE INDEX reading_of_run ON reading (run_id, number);
"""
_UPGRADES = {0: _SCHEMA, 1: _STAGES, 2: _REQUESTS}  # version a file has -> what the next one adds


@dataclass(frozen=True)
class RunSummary:
    run_id: str
    started_at: str
    model: str
    state: str
    configurations: int


@dataclass(frozen=True)
class DocumentSummary:
    """A sweep, a sustained run and the like: a document of its own, no comparison."""

    document_id: str
    kind: str
    started_at: str
    model: str


class History:
    """Opens the file for each operation, so that it may be used from any thread and by two processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def start(
        self,
        model: str,
        machine: HardwareProfile | None = None,
        notes: tuple[str, ...] = (),
        setup: RunSetup | None = None,
        request: Any = None,
    ) -> str:
        """Begin a run and return its id. ``request``: what was asked for, in JSON's own types."""
        run_id, now = _new_id(), _now()
        with self._connection() as db:
            db.execute(
                "INSERT INTO run VALUES (?, ?, ?, 'running', ?, ?, ?, ?)",
                (run_id, now, model, _text(machine), json.dumps(notes), _text(setup), _this_process()),
            )
            if request is not None:
                db.execute("INSERT INTO request VALUES (?, ?)", (run_id, json.dumps(request)))
        return run_id

    def request(self, run_id: str) -> Any:
        """What a run was asked for; ``None`` where it was not kept."""
        with self._connection() as db:
            row = db.execute("SELECT body FROM request WHERE run_id = ?", (run_id,)).fetchone()
        return json.loads(row[0]) if row else None

    def keep_document(self, kind: str, model: str, body: Any) -> str:
        """Store a measurement that is no comparison, in JSON's own types, and return its id."""
        document_id = _new_id()
        with self._connection() as db:
            row = (document_id, kind, _now(), model, json.dumps(body))
            db.execute("INSERT INTO document VALUES (?, ?, ?, ?, ?)", row)
        return document_id

    def documents(self) -> list[DocumentSummary]:
        """Newest first."""
        with self._connection() as db:
            rows = db.execute(
                "SELECT document_id, kind, started_at, model FROM document"
                " ORDER BY started_at DESC, rowid DESC"
            ).fetchall()
        return [DocumentSummary(*row) for row in rows]

    def document(self, document_id: str) -> Any:
        """The body, or ``None`` for an id that is no document's."""
        with self._connection() as db:
            row = db.execute("SELECT body FROM document WHERE document_id = ?", (document_id,)).fetchone()
        return json.loads(row[0]) if row else None

    def amend(self, run_id: str, setup: RunSetup, notes: tuple[str, ...]) -> None:
        """Replace what a run said of its making, once more of it is known."""
        with self._connection() as db:
            db.execute(
                "UPDATE run SET setup = ?, notes = ? WHERE run_id = ?",
                (_text(setup), json.dumps(notes), run_id),
            )

    def add_reading(self, run_id: str, reading: Reading) -> None:
        with self._connection() as db:
            body = json.dumps(to_plain(reading))
            db.execute("INSERT INTO reading (run_id, body) VALUES (?, ?)", (run_id, body))

    def put_result(self, run_id: str, result: ConfigurationResult) -> None:
        """Store a configuration's result, in place of an earlier one of the same label."""
        with self._connection() as db:
            db.execute(
                "INSERT OR REPLACE INTO result VALUES (?, ?, ?)",
                (run_id, result.label or result.configuration.label, json.dumps(to_plain(result))),
            )

    def add_stages(self, run_id: str, stages: Iterable[Stage]) -> None:
        """All attempts of one step together, so that a step that was cut off leaves nothing."""
        rows = [(run_id, json.dumps(to_plain(stage))) for stage in stages]
        with self._connection() as db:
            db.executemany("INSERT INTO stage (run_id, body) VALUES (?, ?)", rows)

    def resume(self, run_id: str) -> None:
        """Go on with a run that was interrupted or cancelled. Raises BadInput while it is running."""
        with self._connection() as db:
            changed = db.execute(
                "UPDATE run SET state = 'running', process = ? WHERE run_id = ? AND state != 'running'",
                (_this_process(), run_id),
            ).rowcount
        if not changed:
            raise BadInput(
                f"The run “{run_id}” cannot be resumed.", "See which there are (edgewright history)."
            )

    def finish(self, run_id: str, state: str = "finished") -> None:
        with self._connection() as db:
            db.execute("UPDATE run SET state = ? WHERE run_id = ?", (state, run_id))

    def mark_interrupted(self) -> int:
        """Runs that say "running" although their program has ended were cut off; returns how many."""
        with self._connection() as db:
            rows = db.execute("SELECT run_id, process FROM run WHERE state = 'running'").fetchall()
            dead = [(run_id,) for run_id, process in rows if not _is_alive(process)]
            db.executemany("UPDATE run SET state = 'interrupted' WHERE run_id = ?", dead)
        return len(dead)

    def runs(self) -> list[RunSummary]:
        """Newest first."""
        with self._connection() as db:
            rows = db.execute(
                "SELECT run_id, started_at, model, state,"
                " (SELECT count(*) FROM result WHERE result.run_id = run.run_id)"
                " FROM run ORDER BY started_at DESC, rowid DESC"
            ).fetchall()
        return [RunSummary(*row) for row in rows]

    def run(self, run_id: str) -> RunRecord:
        """Everything of one run. Raises BadInput for an id the history does not know."""
        with self._connection() as db:
            row = db.execute(
                "SELECT run_id, started_at, model, notes, state, machine, setup FROM run WHERE run_id = ?",
                (run_id,),
            ).fetchone()
            if row is None:
                raise BadInput(
                    f"The history has no run “{run_id}”.", "See which there are (edgewright history)."
                )
            results = db.execute(
                "SELECT body FROM result WHERE run_id = ? ORDER BY rowid", (run_id,)
            ).fetchall()
            readings = db.execute(
                "SELECT body FROM reading WHERE run_id = ? ORDER BY number", (run_id,)
            ).fetchall()
            stages = db.execute(
                "SELECT body FROM stage WHERE run_id = ? ORDER BY number", (run_id,)
            ).fetchall()
        return RunRecord(
            row[0],
            row[1],
            row[2],
            tuple(from_plain(json.loads(body), ConfigurationResult) for (body,) in results),
            tuple(from_plain(json.loads(body), Reading) for (body,) in readings),
            tuple(json.loads(row[3])),
            row[4],
            from_plain(json.loads(row[5]), HardwareProfile) if row[5] else None,
            from_plain(json.loads(row[6]), RunSetup) if row[6] else None,
            tuple(from_plain(json.loads(body), Stage) for (body,) in stages),
        )

    def files(self) -> dict[str, tuple[Path, ...]]:
        """The models that each run measured and those they were made from, by its id."""
        found: dict[str, tuple[Path, ...]] = {}
        with self._connection() as db:
            rows = db.execute(
                "SELECT run_id, json_extract(body, '$.configuration.artifact.path'),"
                " json_extract(body, '$.configuration.artifact.source') FROM result"
            ).fetchall()
        for run_id, *places in rows:
            found[run_id] = (*found.get(run_id, ()), *(Path(place) for place in places if place))
        return found

    def delete(self, run_id: str) -> None:
        """A run with all that belongs to it, or a document."""
        with self._connection() as db:
            db.execute("DELETE FROM run WHERE run_id = ?", (run_id,))
            db.execute("DELETE FROM document WHERE document_id = ?", (run_id,))

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=30)) as db, db:
                db.execute("PRAGMA foreign_keys = ON")
                self._prepare(db)
                yield db
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) in _FULL:
                raise JobFailed(
                    f"The history “{self._path}” could not be written: {error}.",
                    "Make room on the disk; a run that was cut off can go on (edgewright bench --resume).",
                ) from error
            raise BadInput(
                f"The history “{self._path}” cannot be used: {error}.",
                "Move the file away to start a new history.",
            ) from error

    def _prepare(self, db: sqlite3.Connection) -> None:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == SCHEMA_VERSION:
            return
        if version not in _UPGRADES:
            raise BadInput(
                f"The history “{self._path}” was written by another version of Edgewright.",
                "Move the file away to start a new history.",
            )
        self._upgrade(db)
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # SQLite waits for no lock here; who holds it has just opened the file as well, and switches it.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise

    def _upgrade(self, db: sqlite3.Connection) -> None:
        """From nothing or an older version, all or nothing: two may open the file at the same moment."""
        db.execute("BEGIN IMMEDIATE")
        for number in range(db.execute("PRAGMA user_version").fetchone()[0], SCHEMA_VERSION):
            for statement in filter(str.strip, _UPGRADES[number].split(";\n")):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.commit()


def _new_id() -> str:
    return uuid.uuid4().hex[:12]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _text(value: HardwareProfile | RunSetup | None) -> str:
    return "" if value is None else json.dumps(to_plain(value))


def _this_process() -> str:
    """Process ids are used again; with the time of their start they are not."""
    return f"{os.getpid()}:{psutil.Process().create_time():.2f}"


def _is_alive(process: str) -> bool:
    pid, _, started = process.partition(":")
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" == started
    except (psutil.Error, ValueError):
        return False
