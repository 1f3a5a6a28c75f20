"""Which Python an environment is made with, and what is asked of one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backends.domain.errors import FrameworkUnavailable
from backends.frameworks.installing import interpreters
from backends.jobs.context import Context


def quiet() -> Context:
    return Context(lambda _: None)


def test_a_packaged_program_takes_one_from_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FrameworkUnavailable, match="no Python"):
        interpreters.base_interpreter(quiet())
    (tmp_path / "python3").symlink_to(sys.executable)
    assert interpreters.base_interpreter(quiet()) == tmp_path / "python3"


def test_an_answer_has_versions_and_reasons() -> None:
    answer = interpreters.ask(Path(sys.executable), ("psutil", "no_such_module"), quiet())
    assert answer is not None
    assert answer.python == sys.version_info[:2]
    assert answer.found["psutil"][0]
    assert "no_such_module" in answer.found["no_such_module"][1]


def test_what_is_no_python_gives_no_answer(tmp_path: Path) -> None:
    script = tmp_path / "not-python"
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    assert interpreters.ask(script, (), quiet()) is None
    assert interpreters.ask(tmp_path / "nothing", (), quiet()) is None
