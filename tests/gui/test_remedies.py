"""What the engine advises reads right in a terminal and in the window, which has no command line."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends import cli
from backends.domain.errors import EdgewrightError
from gui.widgets.remedies import in_window
from tests.conftest import ROOT

TERMINAL_ONLY = ("commands", "cli")  # what nobody but the command line asks for


def flags() -> set[str]:
    """Every long option of every command."""
    (commands,) = (one for one in cli._parser()._actions if isinstance(one, argparse._SubParsersAction))
    actions = (action for command in commands.choices.values() for action in command._actions)
    return {name for action in actions for name in action.option_strings if name.startswith("--")}


def errors(of: type[EdgewrightError] = EdgewrightError) -> Iterator[str]:
    yield of.__name__
    for kind in of.__subclasses__():
        yield from errors(kind)


def spelled(node: ast.AST) -> str:
    """The words of a sentence, with "X" for what is put into it."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.FormattedValue):
        return "X"
    return "".join(map(spelled, ast.iter_child_nodes(node)))


def sentences() -> Iterator[tuple[Path, str]]:
    """What any error of the engine says and advises, and the remedies beside them."""
    raised = set(errors())
    for path in (ROOT / "backends").rglob("*.py"):
        if path.relative_to(ROOT / "backends").parts[0].startswith(TERMINAL_ONLY):
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            given = call.args if isinstance(call.func, ast.Name) and call.func.id in raised else []
            named = [keyword.value for keyword in call.keywords if keyword.arg in ("remedy", "reason")]
            yield from ((path, spelled(one)) for one in (*given, *named))


def test_no_advice_of_the_engine_needs_a_command_line() -> None:
    known = flags()
    assert {"--file", "--artifacts", "--resume"} <= known
    found = list(sentences())
    assert len(found) > 300
    for path, sentence in found:
        shown = in_window(sentence)
        assert not known & set(re.findall(r"--[a-z][a-z-]*", shown)), (path, sentence)
        assert not re.search(r"\bedgewright [a-z]", shown), (path, sentence)


@pytest.mark.parametrize(
    ("terminal", "window"),
    [
        ("Name the one you want (--file).", "Name the one you want."),
        ("Name a folder that holds x-1.0.tar.gz (--find-links).", "Name a folder that holds x-1.0.tar.gz."),
        ("It can be resumed (edgewright bench --resume).", "It can be resumed."),
        ("Keep them (edgewright demo --keep FOLDER), and measure again.", "Keep them, and measure again."),
        ("It is gone (an update?).", "It is gone (an update?)."),
    ],
)
def test_what_a_terminal_is_told_in_parentheses_the_window_leaves_out(terminal: str, window: str) -> None:
    assert in_window(terminal) == window
