"""An optimization whose program is killed: what was decided is there, and it counts as interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backends.domain.errors import BadInput
from backends.storage.history import History
from tests.conftest import ROOT

PROGRAM = """
import os, signal, sys
from pathlib import Path
from backends.domain.result import Stage
from backends.storage.history import History

history = History(Path(sys.argv[1]))
run_id = history.start("model", request={"optimization": {}})
history.add_stages(run_id, [Stage("baseline", "kept", ("Everything is held against this.",))])
history.add_stages(run_id, [Stage("conversion", "skipped", ("Nothing to convert.",))])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_stages_survive_a_kill_and_the_run_counts_as_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    ended = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    history = History(path)
    (run,) = history.runs()
    assert run.state == "running", "nobody had the time to say otherwise"
    with pytest.raises(BadInput):
        history.resume(run.run_id)
    assert history.mark_interrupted() == 1
    record = history.run(run.run_id)
    assert record.state == "interrupted"
    assert [stage.name for stage in record.stages] == ["baseline", "conversion"]
    history.resume(run.run_id)
    assert history.run(run.run_id).state == "running"
    assert history.mark_interrupted() == 0, "now it belongs to this program"
