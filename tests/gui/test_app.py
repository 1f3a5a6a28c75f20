from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from gui import __main__ as front_door
from gui.app import Services, make_window
from gui.theme.theme import Scheme
from gui.wizard.shell import Shell
from tests.gui.mock_pages import mock_shell

ROOT = Path(__file__).parents[2]
HEAVY = ("onnx", "onnxruntime", "openvino", "nncf", "llama_cpp", "torch", "scipy", "numpy", "pyqtgraph")
START = """
import sys, time
began = time.process_time()  # the machine may be busy; starting is work, not waiting
from gui import app
from contextlib import ExitStack
application = app.make_application(["edgewright"])
with ExitStack() as cleanup:
    window = app.make_window(app.attach_pages, cleanup)
    window.show()
    application.sendPostedEvents()
    took = time.process_time() - began
    window.close()
print(f"{took:.3f}", *sorted(name for name in sys.argv[1:] if name in sys.modules))
"""


def test_the_window_starts_fast_and_light() -> None:
    command = [sys.executable, "-c", START, *HEAVY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    took, *loaded = done.stdout.split()
    assert loaded == []
    assert float(took) < 1.5


def test_importing_gui_imports_nothing() -> None:
    code = "import gui, sys; assert not [m for m in sys.modules if m.startswith('PySide6')]"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=True)


def test_everything_is_taken_down_in_reverse(qtbot) -> None:
    given: list[Services] = []

    def make_shell(services: Services) -> Shell:
        given.append(services)
        return mock_shell()

    before = sys.excepthook
    with ExitStack() as cleanup:
        window = make_window(make_shell, cleanup, Scheme.LIGHT)
        qtbot.addWidget(window)
        window.show()
        ends: list[object] = []
        given[0].runner.start(lambda job: job.emit, ends.append)
        assert sys.excepthook is not before
    assert sys.excepthook is before
    assert len(ends) == 1
    assert not given[0].runner.running


def test_arguments_go_to_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    seen: list[list[str]] = []
    cli = types.ModuleType("backends.cli")
    cli.main = lambda argv: seen.append(argv) or 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "backends.cli", cli)
    monkeypatch.setattr("backends.cli", cli, raising=False)
    monkeypatch.setattr(sys, "argv", ["edgewright", "detect", "--json"])
    assert front_door.main() == 0
    assert seen == [["detect", "--json"]]


def test_without_a_display_there_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert front_door.open_window() == 3
    assert "command line" in capsys.readouterr().err


def test_no_worker_or_command_imports_qt() -> None:
    code = (
        "import sys; sys.argv = ['edgewright', 'no-such-command']\n"
        "from gui.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert not [m for m in sys.modules if m.startswith('PySide6')]\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=True, capture_output=True)
