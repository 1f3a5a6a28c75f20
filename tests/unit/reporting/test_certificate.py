"""A certificate shows every changed byte, in itself and in the artifacts it certifies."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.actions import certificate as action
from backends.actions.artifacts import DESCRIPTION
from backends.domain.errors import BadInput
from backends.domain.gate import Verdict
from backends.domain.metric import Interval
from backends.domain.result import RunRecord
from backends.jobs.context import Context
from backends.reporting.agreement import Agreement, agreements, judgements
from backends.reporting.canonical import canonical, strict
from backends.reporting.certificate import PURPOSE, Certificate, opened
from backends.reporting.keys import KeyRing, public_text
from backends.reporting.verification import verify
from backends.storage.history import History
from tests.unit.reporting.made_up import made_up_run, with_files

CHANGES = 1000


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def stored(tmp_path: Path, models: Path) -> tuple[History, str]:
    """The made-up run with small files in place of its models; the failed configuration has none."""
    history = History(tmp_path / "history.sqlite3")
    record = with_files(made_up_run(), models)
    run_id = history.start(record.model, record.machine, record.notes, record.setup)
    for reading in record.readings[:6]:
        history.add_reading(run_id, reading)
    for result in record.results:
        history.put_result(run_id, result)
    history.finish(run_id)
    return history, run_id


@pytest.fixture
def paper(stored: tuple[History, str], ring: KeyRing, tmp_path: Path) -> Path:
    history, run_id = stored
    path = tmp_path / "made-up.cert.json"
    action.certify(run_id, path, history, ring)
    return path


def test_it_is_intact_trusted_and_holds_what_it_promises(paper: Path, models: Path, ring: KeyRing) -> None:
    found = verify(paper, [models], ring)
    assert found.ok and len(found.artifacts) == 5
    certificate = found.certificate
    assert certificate is not None
    assert len(certificate.record.readings) == 6
    assert certificate.record.machine is not None and certificate.record.setup is not None
    assert certificate.verdicts["llama.cpp Q4_K_M"]["decode_speed"] == "pass"
    assert certificate.thresholds["memory"] == 0.5
    assert certificate.commands[0].startswith("edgewright bench made-up-f16.gguf ")
    text = paper.read_text()
    assert str(models) not in text and "/home/" not in text


def test_every_changed_byte_of_the_certificate_is_found(paper: Path, ring: KeyRing) -> None:
    data = paper.read_bytes()
    chance = random.Random(20261121)
    for _ in range(CHANGES):
        place = chance.randrange(len(data))
        other = chance.choice([byte for byte in range(256) if byte != data[place]])
        with pytest.raises(BadInput):
            opened(data[:place] + bytes([other]) + data[place + 1 :], "changed")
    assert ring.trusted()


@pytest.mark.slow
def test_every_changed_byte_of_an_artifact_is_found(paper: Path, models: Path, ring: KeyRing) -> None:
    chance = random.Random(7)
    files = [path for path in sorted(models.rglob("*")) if path.is_file() and "mlx" not in str(path)]
    for _ in range(CHANGES):
        path = chance.choice(files)
        data = path.read_bytes()
        place = chance.randrange(len(data))
        path.write_bytes(data[:place] + bytes([data[place] ^ chance.randrange(1, 256)]) + data[place + 1 :])
        found = verify(paper, [path.parent, models], ring)
        assert not found.intact and any("changed" in problem for problem in found.problems)
        path.write_bytes(data)
    assert verify(paper, [models], ring).ok


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data[:-1], "cut off"),
        (lambda data: data[: len(data) // 2], "cut off"),
        (lambda data: data + b"\n", "cut off, or something"),
        (lambda data: data.replace(b",", b", ", 1), "not spelled"),
        (lambda data: data.replace(b":", b":\t", 1), "not spelled"),
        (lambda data: b" " + data, "no certificate"),
        (lambda data: b"", "no certificate"),
        (lambda data: b"\x89PNG", "no certificate"),
        (lambda data: data.replace(b'"t_s":', b'"t_s":1e999,"x":', 1), "1e999 is no JSON"),
        (lambda data: data.replace(b'"format":1', b'"format":2'), "another version"),
        (lambda data: data.replace(b'"format":1', b'"format":1,"format":1'), "twice"),
        (lambda data: data.replace(b'"format":1', b'"format":true'), "signature"),
        (lambda data: data.replace(b"madeup", b"MADEUP").replace(b"invented", b"measured"), "signature"),
        (lambda data: data.replace(b'"seed":0', b'"seed":NaN'), "no JSON"),
        (lambda data: b"{" + b"[" * 100_000 + b"}\n", "cannot be read"),
        (lambda data: data[:9] + b"\xff" + data[10:], "cannot be read"),
        (lambda data: b'{"certificate":[],"signature":""}\n', "not the parts"),
    ],
)
def test_what_happened_to_it_is_said(
    paper: Path, ring: KeyRing, change: Callable[[bytes], bytes], said: str
) -> None:
    paper.write_bytes(change(paper.read_bytes()))
    found = verify(paper, [], ring)
    assert not found.ok and found.certificate is None
    assert said in found.problems[0] and found.remedy


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_piece_cut_out_or_put_in_goes_unseen(data: st.DataObject) -> None:
    text = _CACHE.setdefault("text", _signed_once())
    place = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 40))
    inserted = data.draw(st.binary(max_size=40))
    changed = text[:place] + inserted + text[place + length :]
    if changed != text:
        with pytest.raises(BadInput):
            opened(changed, "changed")


_CACHE: dict[str, bytes] = {}


def _signed_once() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from backends.reporting.certificate import sign

    record = replace(made_up_run(), readings=())
    bare = Certificate(1, "0", "2026", "m", (), {}, {}, {}, {}, (), (), record)
    return sign(bare, Ed25519PrivateKey.from_private_bytes(bytes(32)))


def test_a_key_nobody_knows_is_a_thing_of_its_own(paper: Path, tmp_path: Path) -> None:
    stranger = KeyRing(tmp_path / "elsewhere")
    found = verify(paper, [], stranger)
    assert found.intact and not found.trusted and not found.ok and found.signer
    assert action.verify_certificate(paper, trust=True, ring=stranger).ok
    assert verify(paper, [], stranger).ok


def test_an_altered_certificate_is_not_trusted_by_asking(paper: Path, tmp_path: Path) -> None:
    paper.write_bytes(paper.read_bytes().replace(b"invented", b"measured"))
    stranger = KeyRing(tmp_path / "elsewhere")
    assert not action.verify_certificate(paper, trust=True, ring=stranger).ok
    assert not stranger.trusted()


def test_signed_again_by_another_it_is_another_key(paper: Path, ring: KeyRing, tmp_path: Path) -> None:
    forger = KeyRing(tmp_path / "forger").own()
    body = strict(paper.read_bytes())["certificate"]
    body |= {"model": "better", "public_key": public_text(forger)}
    signature = forger.sign(PURPOSE + canonical(body)).hex()
    paper.write_bytes(canonical({"certificate": body, "signature": signature}))
    found = verify(paper, [], ring)
    assert found.intact and not found.trusted


@pytest.mark.parametrize("place", ["../model.gguf", "/etc/passwd", "a/../../b", "C:\\x", ""])
def test_a_signed_certificate_that_points_outside_is_refused(paper: Path, ring: KeyRing, place: str) -> None:
    body = strict(paper.read_bytes())["certificate"]
    body["artifacts"][0]["files"] = {place: "0" * 64}
    signature = ring.own().sign(PURPOSE + canonical(body)).hex()
    paper.write_bytes(canonical({"certificate": body, "signature": signature}))
    assert "outside" in verify(paper, [], ring).problems[0]


def test_files_gone_and_files_more(paper: Path, models: Path, ring: KeyRing) -> None:
    folder = models / "made-up-openvino-int8"
    (folder / "extra.bin").write_bytes(b"x")
    assert "not certified: extra.bin" in verify(paper, [models], ring).problems[0]
    (folder / "extra.bin").unlink()
    (folder / DESCRIPTION).unlink()
    assert f"missing: {DESCRIPTION}" in verify(paper, [models], ring).problems[0]
    (folder / "model.gguf").unlink()
    folder.rmdir()
    assert verify(paper, [models], ring).problems == (
        "OpenVINO INT8: “made-up-openvino-int8” was not found.",
    )


def test_artifacts_are_told_apart_though_their_files_have_the_same_name(
    paper: Path, models: Path, ring: KeyRing
) -> None:
    folders = [folder for folder in sorted(models.iterdir()) if "mlx" not in folder.name]
    assert verify(paper, folders[::-1], ring).ok
    renamed = models / "somewhere-else"
    (models / "made-up-openvino-int8").rename(renamed)
    assert verify(paper, [models, renamed], ring).ok


def test_an_intact_copy_hides_no_changed_one(
    paper: Path, models: Path, ring: KeyRing, tmp_path: Path
) -> None:
    folder = models / "made-up-openvino-int8"
    shutil.copytree(folder, models / "copy")
    shutil.copytree(models, tmp_path / "elsewhere")
    (folder / "model.gguf").write_bytes(b"other")
    others = [one for one in models.iterdir() if one != folder and "mlx" not in one.name]
    for named in (
        [models],
        [folder],
        [folder / "model.gguf"],
        [*others, folder],
        [tmp_path / "elsewhere", folder],
    ):
        (problem,) = verify(paper, named, ring).problems
        assert f"“{folder}” is not what was certified (changed: model.gguf)" in problem
    assert verify(paper, [models / "copy"], ring).ok, "under another name it is what was named"
    both = verify(paper, [folder], ring, also=[tmp_path / "elsewhere"])
    assert not both.intact, "what is named is not replaced by what lies about"


def test_what_is_named_is_checked_and_nothing_else(paper: Path, models: Path, ring: KeyRing) -> None:
    one = models / "made-up-openvino-int8"
    for place in (one, one / "model.gguf", one / DESCRIPTION):
        found = verify(paper, [place], ring)
        assert found.ok and [check.folder for check in found.artifacts] == [one]
    assert len(verify(paper, [models], ring).artifacts) == 5
    two = verify(paper, [one, models / "made-up-llamacpp-q8_0"], ring)
    assert two.ok and len(two.artifacts) == 2
    with_rest = verify(paper, [one], ring, also=[models])
    assert with_rest.ok and len(with_rest.artifacts) == 5


def test_files_that_were_measured_in_two_ways_are_checked_for_both(
    models: Path, ring: KeyRing, tmp_path: Path
) -> None:
    one = models / "made-up-openvino-int8"
    record = with_files(made_up_run(), models)
    usual = next(result for result in record.results if result.configuration.artifact.path.parent == one)
    other = replace(usual, label=f"{usual.label}, threads=1")
    assert record.setup is not None
    hashes = {**record.setup.hashes, other.label: record.setup.hashes[usual.label]}
    history = History(tmp_path / "history.sqlite3")
    run_id = history.start(record.model, record.machine, record.notes, replace(record.setup, hashes=hashes))
    for result in (*record.results, other):
        history.put_result(run_id, result)
    history.finish(run_id)
    path = tmp_path / "two.cert.json"
    action.certify(run_id, path, history, ring)
    found = verify(path, [one], ring)
    assert found.ok and {check.label for check in found.artifacts} == {usual.label, other.label}
    assert len(verify(path, [one], ring, also=[models]).artifacts) == 6
    (one / "model.gguf").write_bytes(b"other")
    assert len(verify(path, [one], ring).problems) == 2


def test_the_changed_original_is_found_though_other_files_have_its_name(
    paper: Path, models: Path, ring: KeyRing
) -> None:
    found = verify(paper, [models], ring)
    original = next(one.folder for one in found.artifacts if one.label.startswith("original"))
    assert original is not None
    (original / "model.gguf").write_bytes(b"other")
    for place in (original, original / "model.gguf"):
        assert "changed: model.gguf" in verify(paper, [place], ring).problems[0]
    assert not verify(paper, [models], ring).intact


def test_what_is_no_part_of_the_certificate_is_said(paper: Path, ring: KeyRing, tmp_path: Path) -> None:
    assert "There is no" in verify(paper, [tmp_path / "nothing"], ring).problems[0]
    stranger = tmp_path / "stranger.bin"
    stranger.touch()
    assert "“stranger.bin” is no file of this certificate." in verify(paper, [stranger], ring).problems


def test_a_model_that_changed_since_is_not_certified(
    stored: tuple[History, str], models: Path, ring: KeyRing, tmp_path: Path
) -> None:
    history, run_id = stored
    (models / "made-up-openvino-int8" / "model.gguf").write_bytes(b"other")
    with pytest.raises(BadInput, match="has changed since"):
        action.certify(run_id, tmp_path / "c", history, ring)
    (models / "made-up-openvino-int8" / "model.gguf").unlink()
    with pytest.raises(BadInput, match="no longer where"):
        action.certify(run_id, tmp_path / "c", history, ring)


def test_runs_without_what_a_certificate_needs(ring: KeyRing, tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite3")
    run_id = history.start("model")
    with pytest.raises(BadInput, match="is running"):
        action.certify(run_id, tmp_path / "c", history, ring)
    history.finish(run_id)
    with pytest.raises(BadInput, match="older version"):
        action.certify(run_id, tmp_path / "c", history, ring)


def test_a_figure_that_is_no_number_is_not_certified(
    stored: tuple[History, str], ring: KeyRing, tmp_path: Path
) -> None:
    history, run_id = stored
    one = history.run(run_id).results[1]
    history.put_result(run_id, replace(one, variation=float("nan")))
    with pytest.raises(BadInput, match="not a number"):
        action.certify(run_id, tmp_path / "c", history, ring)


@pytest.mark.skipif(os.name != "posix", reason="Windows has access lists in place of modes")
def test_the_key_is_made_once_and_closed_to_others(ring: KeyRing) -> None:
    key = public_text(ring.own())
    assert public_text(ring.own()) == key
    files = list(ring.folder.iterdir())
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600]
    assert ring.folder.stat().st_mode & 0o777 == 0o700
    files[0].chmod(0o644)
    with pytest.raises(BadInput, match="Others may read"):
        ring.own()
    files[0].chmod(0o600)
    files[0].write_text("damaged")
    with pytest.raises(BadInput, match="damaged"):
        ring.own()


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on FAT."""

    def link(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)


def test_without_hard_links_there_is_one_key_all_the_same(ring: KeyRing, no_links: None) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: _own_or_told(ring), range(8)))
    keys = {key for key in made if key}
    assert keys == {public_text(ring.own())}
    assert [path.name for path in ring.folder.iterdir()] == ["signing-key.pem"]


def _own_or_told(ring: KeyRing) -> str:
    try:
        return public_text(ring.own())
    except BadInput as error:
        assert "Another Edgewright" in error.message
        return ""


def test_a_lock_left_behind_is_told_with_its_name(ring: KeyRing, no_links: None) -> None:
    ring.folder.mkdir()
    lock = ring.folder / "signing-key.lock"
    lock.touch()
    with pytest.raises(BadInput, match=r"signing-key\.lock"):
        ring.own()
    lock.unlink()
    assert ring.own()


def test_a_damaged_list_of_trusted_keys(ring: KeyRing) -> None:
    ring.trust("ab" * 32)
    assert ring.trusted() == {"ab" * 32}
    (ring.folder / "trusted.json").write_text("[1")
    with pytest.raises(BadInput, match="damaged"):
        ring.trusted()


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
        max_leaves=9,
    )
)
def test_one_value_has_one_spelling(value: Any) -> None:
    data = canonical(value)
    assert canonical(strict(data)) == data
    assert json.loads(data) == value


def test_a_rerun_agrees_by_its_ratios() -> None:
    record = made_up_run()
    assert all(one.agrees for one in agreements(record, record))
    measures = {one.measure for one in agreements(record, record)}
    assert "decode speed against the original" in measures and "peak memory against the original" in measures
    slower = tuple(
        replace(
            one,
            rates={},
            comparisons=tuple(replace(c, ratio=Interval(1, 0.9, 1.1, 0.983, 6)) for c in one.comparisons),
        )
        for one in record.results
    )
    found = agreements(record, replace(record, results=slower))
    assert {one.measure for one in found if not one.agrees} == {
        "decode speed against the original",
        "prefill speed against the original",
    }
    wide = Interval(2.0, 0.5, 8.0, 0.983, 6)
    assert agreements(record, replace(record, results=slower))[0].is_vague is False
    assert Agreement("a", "b", wide, wide).is_vague
    gone = agreements(record, replace(record, results=()))
    assert gone and not any(one.agrees for one in gone) and "not measured now" in gone[0].sentence


def _judged(verdict: Verdict) -> RunRecord:
    """The made-up run with every gate's verdict replaced."""
    record = made_up_run()
    return replace(
        record,
        results=tuple(
            replace(one, gates=tuple(replace(gate, verdict=verdict) for gate in one.gates))
            for one in record.results
        ),
    )


def test_only_pass_and_fail_contradict_each_other() -> None:
    passed, failed, undecided = map(_judged, (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE))
    titles = {one.gate for one in judgements(passed, passed)}
    assert {"Stability", "Stress run"} <= titles
    assert not any(one.changed for one in judgements(passed, passed))
    assert all(one.contradicts for one in judgements(passed, failed))
    assert "pass then, fail now; does not agree" in judgements(passed, failed)[0].sentence
    for before, after in ((passed, undecided), (undecided, failed), (failed, replace(failed, results=()))):
        assert all(one.changed and not one.contradicts for one in judgements(before, after))
    assert (
        "not measured now; that contradicts nothing"
        in judgements(failed, replace(failed, results=()))[0].sentence
    )


def test_a_verdict_that_contradicts_ends_agreement() -> None:
    record = made_up_run()
    same = agreements(record, record)
    assert action.Rerun(
        record, same, (), judgements(_judged(Verdict.PASS), _judged(Verdict.INCONCLUSIVE))
    ).agrees
    assert not action.Rerun(record, same, (), judgements(_judged(Verdict.PASS), _judged(Verdict.FAIL))).agrees


def test_a_repetition_says_that_the_signer_is_not_known(
    paper: Path, ring: KeyRing, tmp_path: Path, stored: tuple[History, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The measuring is simulated here; the real repetition is among the contract tests."""
    history, run_id = stored
    monkeypatch.setattr(action, "composed", lambda *_: None)
    monkeypatch.setattr(action, "compare", lambda *_: history.run(run_id))
    job, folders = Context(lambda _: None), [tmp_path / "models"]
    stranger = KeyRing(tmp_path / "elsewhere")
    told = action.rerun(paper, folders, job, history, stranger).remarks
    assert "not known here" in told[0] and verify(paper, [], stranger).signer in told[0]
    mine = action.rerun(paper, folders, job, history, ring).remarks
    assert not any("not known here" in one for one in mine)
    assert any("verdicts of the gates are as they were" in one for one in mine)
