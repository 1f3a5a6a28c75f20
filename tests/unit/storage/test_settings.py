from __future__ import annotations

from pathlib import Path

import pytest

from backends.storage.settings import Settings, read_settings, write_settings


def test_settings_come_back(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    write_settings(path, Settings(theme="dark", weight_speed=0.9))
    assert read_settings(path) == Settings(theme="dark", weight_speed=0.9)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"theme": 3, "unknown": 1}', "null"])
def test_damage_counts_as_not_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text)
    assert read_settings(path) == Settings()


def test_no_file_yet(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "none.json") == Settings()
