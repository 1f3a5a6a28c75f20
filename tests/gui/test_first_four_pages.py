"""The real window with real jobs in a process of its own: from the machine to a quantized model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("onnx", "onnxruntime", "openvino", "nncf", "llama_cpp", "torch", "scipy")
DRIVE = """
import json, sys
from contextlib import ExitStack
from PySide6.QtCore import QEventLoop, QTimer
from backends.workflow.wizard import Choice
from gui import app

def wait(done):
    loop, timer, limit = QEventLoop(), QTimer(interval=20), QTimer(interval=90_000, singleShot=True)
    timer.timeout.connect(lambda: done() and loop.quit())
    limit.timeout.connect(lambda: loop.exit(1))
    timer.start()
    limit.start()
    assert loop.exec() == 0, shell.current_page.state
    timer.stop()
    limit.stop()

application = app.make_application(["edgewright"])
with ExitStack() as cleanup:
    window = app.make_window(app.attach_pages, cleanup)
    window.show()
    shell = window.shell
    hardware = shell.current_page
    wait(lambda: hardware.state.can_continue and not hardware.state.busy)
    shell.go_on()
    model = shell.current_page
    wait(lambda: model.cards)
    digits = [card for card in model.cards if card.source and card.source.name == "Edgewright Digits"]
    digits[0].chosen.emit()
    shell.go_on()
    recommendation = shell.current_page
    wanted = Choice("onnxruntime", "INT8_DYNAMIC")
    recommendation.every.setChecked(True)
    for number, row in enumerate(recommendation.model.rows):
        if row.chosen != (row.choice == wanted):
            recommendation.model.check_toggled.emit(number, row.choice == wanted)
    assert recommendation.state.primary == "Optimize 1", recommendation._ruled_out.rows
    shell.go_on()
    optimize = shell.current_page
    wait(lambda: optimize.state.can_continue and not optimize.state.busy)
    state = shell._flow.state
    answer = {
        "step": shell.current,
        "size": state.made[0].size_bytes,
        "original": state.original.size_bytes,
        "types": dict(state.made[0].contents.tensor_types),
        "there": state.made[0].path.exists(),
        "heavy": sorted(name for name in sys.argv[1:] if name in sys.modules),
    }
    window.close()
print(json.dumps(answer))
"""


@pytest.mark.slow
@pytest.mark.real
def test_from_the_machine_to_a_quantized_model(tmp_path: Path) -> None:
    environment = {**os.environ, "EDGEWRIGHT_HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", DRIVE, *HEAVY],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["heavy"] == []
    assert answer["step"] == "optimize"
    assert answer["there"]
    assert answer["size"] < answer["original"]
    assert any("INT8" in name for name in answer["types"])
