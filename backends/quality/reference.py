"""What the original predicts at every scored position, kept small, and a candidate held against it.

Kept are the 256 highest log-probabilities of each position, their token ids, and the logarithm of the rest's
mass. With everything else lumped together, the divergence

    D(original ‖ candidate) = Σ_top p (log p − log q) + p_rest (log p_rest − log q_rest)

is exact over the top tokens and a lower bound overall (data-processing inequality).

The file is an .npz without pickled objects, one group of arrays a window, written and read a window at a
time.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.errors import BadInput, JobFailed
from backends.domain.result import LanguageFidelity
from backends.frameworks.base import EngineHandle, JobContext
from backends.quality.logits import with_logits
from backends.quality.perplexity import Windows, perplexity, perplexity_ratio, predicting_rows
from backends.quality.scoring import FLOOR, as_targets, blocks, log_softmax
from backends.quality.statistics import mean_interval
from backends.quality.steps import Steps
from backends.storage.files import partial_prefix

TOP = 256
VERSION = 1
# Tokenized to tell one tokenizer from another; plain, so that engines of one model agree on it.
PROBE_TEXT = "The quick brown fox jumps over the lazy dog, 0123456789 times; isn't it?"
# What NumPy and zipfile raise on a damaged archive, and what a wrong layout leads to.
_DAMAGE = (KeyError, ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile, zlib.error)
_REMEDY = "Make the reference again from the original model."


@dataclass(frozen=True)
class WindowReference:
    """One window. Position i predicts scored token i."""

    ids: NDArray[np.int32]  # (scored, top), highest first
    log_probabilities: NDArray[np.float32]  # (scored, top)
    log_rest: NDArray[np.float32]  # (scored,) logarithm of the mass outside the top
    actual: NDArray[np.float64]  # (scored,) log-probability of the token that really follows


@dataclass(frozen=True)
class Reference:
    """A reference file that has been looked into."""

    path: Path
    windows: Windows
    vocabulary: int
    tokenizer: str  # fingerprint

    def window(self, index: int) -> WindowReference:
        """Raises BadInput where the file is damaged."""
        with _opened(self.path) as archive:
            kept = WindowReference(*(archive[name] for name in _names(index)))
            _check_layout(kept, self.windows.scored, self.vocabulary)
        return kept

    def log_probabilities(self) -> NDArray[np.float64]:
        """(windows, scored) log-probabilities of the tokens that really follow."""
        return np.stack([self.window(index).actual for index in range(len(self.windows.ids))])


@dataclass(frozen=True)
class Divergence:
    """A candidate against a reference, every array (windows, scored)."""

    log_probabilities: NDArray[np.float64]
    original_log_probabilities: NDArray[np.float64]
    kl: NDArray[np.float64]  # nats
    same_top: NDArray[np.bool_]
    flipped: NDArray[np.bool_]  # exactly one of the two predicts the token that really follows

    def fidelity(self) -> LanguageFidelity:
        """The figures, intervals by bootstrap over whole windows."""
        return LanguageFidelity(
            tokens=self.kl.size,
            perplexity=perplexity(self.log_probabilities),
            perplexity_ratio=perplexity_ratio(self.log_probabilities, self.original_log_probabilities),
            kl_mean=mean_interval(self.kl.mean(axis=1), least=0.0),
            kl_p99=float(np.quantile(self.kl, 0.99)),
            top1_agreement=mean_interval(self.same_top.mean(axis=1), least=0.0, most=1.0),
            flipped=float(self.flipped.mean()),
        )


def _check_layout(kept: WindowReference, scored: int, vocabulary: int) -> None:
    wide = (scored, min(TOP, vocabulary))
    shapes = [array.shape for array in (kept.ids, kept.log_probabilities, kept.log_rest, kept.actual)]
    if shapes != [wide, wide, (scored,), (scored,)]:
        raise ValueError(f"shapes {shapes}")
    if kept.ids.min() < 0 or kept.ids.max() >= vocabulary:
        raise ValueError("ids outside the vocabulary")


def tokenizer_fingerprint(handle: EngineHandle) -> str:
    """SHA-256 of the probe text's ids."""
    return _hash_ids(handle.tokenize([PROBE_TEXT])[0])


def write_reference(handle: EngineHandle, windows: Windows, path: Path, job: JobContext) -> Reference:
    """Run the original over the windows and keep the compact reference at ``path`` (.npz).

    Written beside and renamed, so that a cancelled run leaves nothing. Raises JobFailed on NaN and where the
    disk is full.
    """
    unfinished = path.with_name(f"{partial_prefix()}{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        vocabulary = _write(handle, windows, unfinished, job)
        unfinished.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise JobFailed(f"The reference {path} cannot be written: {reason}.", "Free some space.") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return Reference(path, windows, vocabulary, tokenizer_fingerprint(handle))


def _write(handle: EngineHandle, windows: Windows, path: Path, job: JobContext) -> int:
    steps = Steps(job, len(windows.ids), "Keeping what the original predicts")
    vocabulary = 0
    with zipfile.ZipFile(path, "w") as archive:
        for index, ids in enumerate(windows.ids):
            summarise = partial(summarise_window, targets=windows.targets(index))
            kept, vocabulary = with_logits(handle, ids, summarise)
            arrays: Sequence[NDArray[Any]] = (kept.ids, kept.log_probabilities, kept.log_rest, kept.actual)
            for name, array in zip(_names(index), arrays, strict=True):
                _put(archive, name, array)
            steps.advance()
        _put(archive, "windows", np.array(windows.ids, dtype=np.int32))
        meta = {
            "version": VERSION,
            "vocabulary": vocabulary,
            "tokenizer": tokenizer_fingerprint(handle),
            "ids": windows_fingerprint(windows),
        }
        _put(archive, "meta", np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8))
    return vocabulary


def summarise_window(logits: NDArray[np.float32], targets: Sequence[int]) -> tuple[WindowReference, int]:
    """The compact reference of one window's logits (tokens, vocabulary), and the size of the vocabulary."""
    rows = predicting_rows(logits, len(targets))
    scored, vocabulary = rows.shape
    wanted = as_targets(targets, vocabulary)
    top = min(TOP, vocabulary)
    kept = WindowReference(
        np.empty((scored, top), np.int32),
        np.empty((scored, top), np.float32),
        np.empty(scored, np.float32),
        np.empty(scored, np.float64),
    )
    for block in blocks(scored, vocabulary):
        exact = log_softmax(rows[block])
        kept.actual[block] = exact[np.arange(len(exact)), wanted[block]]
        ids = _highest(exact, top)
        kept.ids[block] = ids
        kept.log_probabilities[block] = np.take_along_axis(exact, ids, axis=1)
        kept.log_rest[block] = _log_rest(exact, ids)
    return kept, vocabulary


def _highest(rows: NDArray[np.float64], top: int) -> NDArray[np.intp]:
    """Ids of the ``top`` highest of each row, highest first, the lowest id first of equals."""
    ids = np.sort(np.argpartition(rows, rows.shape[1] - top, axis=1)[:, rows.shape[1] - top :], axis=1)
    order = np.argsort(-np.take_along_axis(rows, ids, axis=1), axis=1, kind="stable")
    return np.take_along_axis(ids, order, axis=1)


def _log_rest(rows: NDArray[np.float64], ids: NDArray[Any]) -> NDArray[np.float64]:
    """Logarithm of each row's mass outside ``ids``. Overwrites ``rows``.

    Summed over the rest itself: one minus the top's mass would drown a small rest in rounding.
    """
    np.put_along_axis(rows, ids, -np.inf, axis=1)
    mass = np.exp(rows, out=rows).sum(axis=1)
    return np.asarray(np.log(np.maximum(mass, np.exp(FLOOR))))


def read_reference(path: Path) -> Reference:
    """Look into a reference file. Raises BadInput where it is missing, damaged or of another version."""
    with _opened(path) as archive:
        meta = json.loads(bytes(archive["meta"]))
        windows = Windows(tuple(tuple(row) for row in archive["windows"].tolist()))
        if meta["version"] != VERSION:
            raise BadInput(f"The reference {path} was made by another version of Edgewright.", _REMEDY)
        if meta["ids"] != windows_fingerprint(windows):
            raise ValueError("the ids do not match their hash")
        return Reference(path, windows, int(meta["vocabulary"]), str(meta["tokenizer"]))


def check_tokenizer(reference: Reference, handle: EngineHandle) -> None:
    """Raises BadInput where the candidate's tokenizer is not the reference's: its ids mean other texts."""
    if tokenizer_fingerprint(handle) != reference.tokenizer:
        raise BadInput(
            f"The reference {reference.path} was made with another tokenizer than this model's.",
            "Compare only models that stem from the same original, or make a reference for this one.",
        )


def compare(handle: EngineHandle, reference: Reference, job: JobContext) -> Divergence:
    """Run a candidate over the reference's own ids. Raises BadInput where its vocabulary is another."""
    check_tokenizer(reference, handle)
    steps = Steps(job, len(reference.windows.ids), "Comparing with the original's predictions")
    parts = []
    for index, ids in enumerate(reference.windows.ids):
        use = partial(_compare_window, reference=reference, index=index)
        parts.append(with_logits(handle, ids, use))
        steps.advance()
    columns = zip(*parts, strict=True)
    return Divergence(*(np.stack(column) for column in columns))


def _compare_window(
    logits: NDArray[np.float32], reference: Reference, index: int
) -> tuple[NDArray[Any], ...]:
    if logits.shape[1] != reference.vocabulary:
        raise BadInput(
            f"The reference {reference.path} has a vocabulary of {reference.vocabulary:,} tokens, "
            f"this model one of {logits.shape[1]:,}.",
            "Compare only models that stem from the same original, or make a reference for this one.",
        )
    return compare_window(logits, reference.window(index), reference.windows.targets(index))


def compare_window(
    logits: NDArray[np.float32], kept: WindowReference, targets: Sequence[int]
) -> tuple[NDArray[Any], ...]:
    """The five arrays of :class:`Divergence` for one window, each (scored,)."""
    rows = predicting_rows(logits, len(targets))
    wanted = as_targets(targets, rows.shape[1])
    actual, kl = np.empty(len(targets)), np.empty(len(targets))
    top = np.empty(len(targets), np.int64)
    for block in blocks(*rows.shape):
        exact = log_softmax(rows[block])
        actual[block] = exact[np.arange(len(exact)), wanted[block]]
        top[block] = exact.argmax(axis=1)
        kl[block] = _divergence(exact, kept, block)
    original_top = kept.ids[:, 0]
    flipped = (top == wanted) != (original_top == wanted)
    return actual, kept.actual, kl, top == original_top, flipped


def _divergence(candidate: NDArray[np.float64], kept: WindowReference, block: slice) -> NDArray[np.float64]:
    """(rows,) nats. Overwrites ``candidate``."""
    ids = kept.ids[block].astype(np.int64)
    log_p = kept.log_probabilities[block].astype(float)
    log_rest = kept.log_rest[block].astype(float)
    gained = (np.exp(log_p) * (log_p - np.take_along_axis(candidate, ids, axis=1))).sum(axis=1)
    gained += np.exp(log_rest) * (log_rest - _log_rest(candidate, ids))
    return np.asarray(np.maximum(gained, 0.0))  # never negative but for the rounding of what was kept


def _names(index: int) -> list[str]:
    return [f"{name}_{index:03d}" for name in ("ids", "log_probabilities", "log_rest", "actual")]


def _put(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
        np.lib.format.write_array(entry, array, allow_pickle=False)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The .npz at ``path``; its every defect becomes BadInput."""
    try:
        # Opened here: NumPy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            yield archive
    except FileNotFoundError as error:
        raise BadInput(f"There is no reference {path}.", _REMEDY) from error
    except _DAMAGE as error:
        raise BadInput(f"The reference {path} is damaged or no reference file.", _REMEDY) from error


def _hash_ids(ids: Sequence[int]) -> str:
    return hashlib.sha256(np.asarray(ids, dtype="<i4").tobytes()).hexdigest()


def windows_fingerprint(windows: Windows) -> str:
    """SHA-256 of all ids."""
    return _hash_ids([token for window in windows.ids for token in window])
