from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from backends.storage.files import PARTIAL
from backends.storage.history import History
from backends.storage.paths import app_paths
from backends.storage.settings import Settings, read_settings, write_settings
from gui import __main__ as front_door
from gui.app import Services, make_window, scheme_of
from gui.errors import ErrorReporter
from gui.theme.theme import Scheme, theme
from gui.wizard.shell import Shell
from tests.gui.mock_pages import mock_shell

ROOT = Path(__file__).parents[2]
MOST_TO_START_S = 1.5  # of processor time
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
    """Three tries: a program beside it costs processor time too."""
    command = [sys.executable, "-c", START, *HEAVY]
    tried = []
    for _ in range(3):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
        took, *loaded = done.stdout.split()
        assert loaded == []
        tried.append(float(took))
        if tried[-1] < MOST_TO_START_S:
            return
    pytest.fail(f"starting took {tried} s of processor time")


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


def test_what_an_earlier_end_cut_off_is_tidied_up(qtbot, monkeypatch) -> None:
    monkeypatch.setattr("backends.storage.history._is_alive", lambda process: False)
    paths = app_paths()
    history = History(paths.history)
    run_id = history.start("model")
    half_made = paths.artifacts / f"{PARTIAL}x"
    half_made.mkdir(parents=True)
    given: list[Services] = []
    with ExitStack() as cleanup:
        window = make_window(lambda services: given.append(services) or mock_shell(), cleanup, Scheme.LIGHT)
        qtbot.addWidget(window)
        qtbot.waitUntil(lambda: not given[0].runner.running)
    assert history.run(run_id).state == "interrupted"
    assert not half_made.exists()


def test_a_history_that_cannot_be_used_is_a_sentence_not_the_end(qtbot, monkeypatch) -> None:
    paths = app_paths()
    paths.history.parent.mkdir(parents=True)
    paths.history.write_text("no database at all, but long enough to be one" * 20)
    shown: list[str] = []
    monkeypatch.setattr(ErrorReporter, "show_details", lambda self, sentence, *more: shown.append(sentence))
    with ExitStack() as cleanup:
        window = make_window(lambda services: mock_shell(), cleanup, Scheme.LIGHT)
        qtbot.addWidget(window)
        qtbot.waitUntil(lambda: bool(shown))
    assert "history.sqlite3" in shown[0]


def test_the_window_comes_back_in_its_size_and_theme(qtbot) -> None:
    write_settings(app_paths().settings, Settings(theme="dark", window_width=1100, window_height=720))
    for expected in ((800, 720), (800, 730)):  # the off-screen screen is 800 wide
        with ExitStack() as cleanup:
            window = make_window(lambda services: mock_shell(), cleanup)
            qtbot.addWidget(window)
            window.show()
            assert theme().scheme is Scheme.DARK
            assert (window.width(), window.height()) == expected
            window.resize(800, 730)
            window.close()
    assert read_settings(app_paths().settings).window_height == 730


@pytest.mark.parametrize(("stored", "scheme"), [("light", Scheme.LIGHT), ("purple", Scheme.SYSTEM)])
def test_an_unknown_theme_counts_as_not_said(stored: str, scheme: Scheme) -> None:
    assert scheme_of(Settings(theme=stored)) is scheme


def test_arguments_go_to_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    seen: list[list[str]] = []
    cli = types.ModuleType("backends.cli")
    cli.main = lambda argv, print_pdf: seen.append(argv) or 0  # type: ignore[attr-defined]
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
