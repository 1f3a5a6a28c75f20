"""Whether the files of a run are still the ones its readings are of."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from backends.actions.compare import Comparison, marks_of, refuse_other_files
from backends.actions.unchanged import marks, refuse_changed, refuse_other_than_made
from backends.codec import to_plain
from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput
from backends.storage.history import History
from tests.unit.samples import artifact, source


def model(folder: Path, hashed: bool) -> Artifact:
    folder.mkdir(exist_ok=True)
    path = folder / "model.gguf"
    path.write_bytes(b"weights 1")
    digest = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()} if hashed else {}
    return replace(artifact(original=not hashed), path=path, hashes=digest)


def rewrite(path: Path, data: bytes) -> None:
    """At a later time, whatever the clock's steps are."""
    status = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))


def test_the_same_files_are_the_same(tmp_path: Path) -> None:
    one = model(tmp_path, hashed=True)
    refuse_changed(marks([one]), marks([one]))
    assert marks([one])[str(one.path)].sha256 == one.hashes["model.gguf"]


@pytest.mark.parametrize("hashed", [True, False])
def test_other_weights_of_the_same_size_are_found(tmp_path: Path, hashed: bool) -> None:
    one = model(tmp_path, hashed)
    before = marks([one])
    rewrite(one.path, b"weights 2")
    with pytest.raises(BadInput, match=r"model\.gguf” is no longer the file"):
        refuse_changed(before, marks([one]))


def test_in_doubt_the_contents_decide(tmp_path: Path) -> None:
    known, unknown = model(tmp_path / "a", hashed=True), model(tmp_path / "b", hashed=False)
    before = {one.path: marks([one]) for one in (known, unknown)}
    for one in (known, unknown):
        rewrite(one.path, b"weights 1")
    refuse_changed(before[known.path], marks([known]))
    with pytest.raises(BadInput, match="was not recorded"):
        refuse_changed(before[unknown.path], marks([unknown]))


def test_files_gone_more_and_longer_are_named(tmp_path: Path) -> None:
    one = model(tmp_path, hashed=True)
    before = marks([one])
    (tmp_path / "model.gguf.data").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"gguf\.data” .* was not there then"):
        refuse_changed(before, marks([one]))
    (tmp_path / "model.gguf.data").unlink()
    rewrite(one.path, b"weights 1, and more")
    with pytest.raises(BadInput, match="19 bytes in place of 9"):
        refuse_changed(before, marks([one]))
    one.path.unlink()
    with pytest.raises(BadInput, match="it is gone"):
        refuse_changed(before, marks([one]))


def test_a_folder_is_all_its_files(tmp_path: Path) -> None:
    folder = replace(artifact(), path=tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "weights").write_bytes(b"1")
    before = marks([folder])
    (tmp_path / ".DS_Store").write_bytes(b"nothing of the model's")
    refuse_changed(before, marks([folder]))
    (tmp_path / "deep" / "more").write_bytes(b"2")
    with pytest.raises(BadInput, match=r"more” .* was not there then"):
        refuse_changed(before, marks([folder]))


def test_companions_that_only_the_model_names_are_marked(tmp_path: Path) -> None:
    one, beside = model(tmp_path, hashed=False), tmp_path / "shard-2.gguf"
    beside.write_bytes(b"2")
    profile = replace(source().profile, path=one.path, files=(one.path, beside))
    asked = Comparison(replace(source(), profile=profile), one, ())
    assert set(marks_of(asked)) == {str(one.path), str(beside)}


def test_what_an_earlier_part_made_has_to_be_as_it_was_made(tmp_path: Path) -> None:
    one = model(tmp_path, hashed=True)
    refuse_other_than_made(one)
    one.path.write_bytes(b"weights 2")
    with pytest.raises(BadInput, match="its content is another"):
        refuse_other_than_made(one)
    one.path.unlink()
    with pytest.raises(BadInput, match="is gone"):
        refuse_other_than_made(one)


def test_marks_are_kept_with_the_run(tmp_path: Path) -> None:
    history, one = History(tmp_path / "history.sqlite3"), model(tmp_path, hashed=False)
    asked = Comparison(source(), one, ())
    run_id = history.start("m", request={"marks": to_plain(marks_of(asked))})
    refuse_other_files(run_id, history, asked)
    rewrite(one.path, b"weights 2")
    with pytest.raises(BadInput, match="no longer the file"):
        refuse_other_files(run_id, history, asked)
    with pytest.raises(BadInput, match="older version"):
        refuse_other_files(history.start("m", request={"sizes": {}}), history, asked)
