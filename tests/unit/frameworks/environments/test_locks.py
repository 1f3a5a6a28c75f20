"""One installation at a time, and no lock that outlives its owner."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.domain.errors import JobCancelled, JobFailed
from backends.frameworks.installing import locks
from backends.jobs.context import CancelToken, Context


def quiet(token: CancelToken | None = None) -> Context:
    return Context(lambda _: None, token)


def test_a_second_one_is_refused_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "LOOKS", 2)
    path = tmp_path / "root" / ".tiny.lock"
    with locks.locked(path, quiet()), pytest.raises(JobFailed), locks.locked(path, quiet()):
        pass
    assert not path.exists()
    with locks.locked(path, quiet()):
        assert path.exists()


def test_waiting_hears_the_cancel(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelled), locks.locked(tmp_path / ".tiny.lock", quiet(token)):
        pass
