from __future__ import annotations

import hashlib
import json
import math
import os
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.domain.errors import BadInput
from backends.domain.gate import Finding, Gate, GateResult, Verdict
from backends.domain.metric import Interval
from backends.domain.model import ModelKind
from backends.domain.result import LanguageFidelity, OutputFidelity, QualityScore
from backends.optimization.gates import Evidence, default_gates, evaluate, overall, variation, with_thresholds
from backends.optimization.security import inspect_files
from backends.quality.answers import Answers, score

from .samples import artifact, comparison, interval, memory, patient, readings, result

PASS, FAIL, INCONCLUSIVE, NOT_MEASURED = (
    Verdict.PASS,
    Verdict.FAIL,
    Verdict.INCONCLUSIVE,
    Verdict.NOT_MEASURED,
)


def judged(evidence: Evidence) -> dict[str, GateResult]:
    return {found.gate.name: found for found in evaluate(evidence)}


def test_the_thresholds_are_those_of_the_workflow() -> None:
    gates = {name: (gate.threshold, gate.at_least) for name, gate in default_gates().items()}
    assert gates["accuracy"] == (0.95, True)
    assert gates["decode_speed"] == gates["prefill_speed"] == gates["inference_speed"] == (2.0, True)
    assert gates["memory"] == (0.5, False)
    assert gates["stability"] == (0.2, False)
    assert gates["perplexity"] == (1.05, False) and gates["top1_agreement"] == (0.9, True)


def test_thresholds_can_be_edited() -> None:
    gates = with_thresholds(default_gates(), {"accuracy": 0.99})
    assert gates["accuracy"].threshold == 0.99 and default_gates()["accuracy"].threshold == 0.95


@pytest.mark.parametrize("edit", [{"beauty": 1.0}, {"memory": math.nan}, {"memory": -1.0}])
def test_a_useless_threshold_is_bad_input(edit: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        with_thresholds(default_gates(), edit)


ends = st.tuples(*[st.floats(-10, 10)] * 2).map(sorted)


@patient
@given(ends, st.floats(-10, 10), st.booleans())
def test_a_verdict_is_given_only_where_the_whole_interval_agrees(
    bounds: list[float], limit: float, up: bool
) -> None:
    low, high = bounds
    verdict = Gate("any", limit, up, "").judge(Interval((low + high) / 2, low, high, 0.95, 9))
    reaches = [end >= limit if up else end <= limit for end in (low, high)]
    assert verdict is (PASS if all(reaches) else INCONCLUSIVE if any(reaches) else FAIL)


def test_without_measurements_nothing_is_judged_and_each_says_why() -> None:
    found = judged(Evidence(result()))
    assert list(found) == [
        "accuracy",
        "decode_speed",
        "prefill_speed",
        "memory",
        "stability",
        "stress",
        "security",
    ]
    assert {one.verdict for one in found.values()} == {NOT_MEASURED}
    assert all(one.evidence.endswith(".") and one.value is None for one in found.values())


@pytest.mark.parametrize(
    ("original", "gate"),
    [
        ({"quality": QualityScore(9, 10, interval(0.9))}, "accuracy"),
        ({"fidelity": LanguageFidelity(4096, interval(8.0))}, "top1_agreement"),
        ({"quality": QualityScore(9, 10, interval(0.9), kind="fidelity")}, "agreement"),
        ({}, "output_similarity"),
    ],
)
def test_what_cannot_be_judged_fails_the_gate_that_would_have_judged_it(
    original: dict[str, Any], gate: str
) -> None:
    broken = result(quality_failure="The logits are not numbers.")
    found = judged(Evidence(broken, result(original=True, **original)))[gate]
    assert found.verdict is FAIL and found.evidence.endswith("The logits are not numbers.")


def test_where_the_original_cannot_be_judged_nothing_is() -> None:
    original = result(original=True, quality_failure="It crashed.")
    found = judged(Evidence(result(quality_failure="It crashed."), original))["accuracy"]
    assert found.verdict is NOT_MEASURED and "The original's quality" in found.evidence


def test_the_original_itself_has_no_gates() -> None:
    assert evaluate(Evidence(result(original=True))) == ()


def test_a_vision_model_has_one_speed() -> None:
    found = judged(Evidence(result(kind=ModelKind.VISION)))
    assert "inference_speed" in found and "decode_speed" not in found


def quality(right: int, lost: int, items: int = 1000, chance: float = 0.1) -> QualityScore:
    gold = (0,) * items
    original = Answers((0,) * right + (1,) * (items - right), gold)
    candidate = Answers((0,) * (right - lost) + (1,) * (items - right + lost), gold, chance)
    found = score(candidate, original)
    assert found is not None
    return found


@pytest.mark.parametrize(("lost", "verdict"), [(0, PASS), (10, PASS), (40, INCONCLUSIVE), (100, FAIL)])
def test_accuracy_is_judged_by_the_interval_of_its_ratio(lost: int, verdict: Verdict) -> None:
    found = judged(Evidence(result(quality=quality(800, lost))))["accuracy"]
    assert found.verdict is verdict
    assert f"{800 - lost} right against the original's 800 of 1,000" in found.evidence


def test_an_open_accuracy_gate_says_how_many_items_would_decide() -> None:
    found = judged(Evidence(result(quality=quality(80, 3, items=100))))["accuracy"]
    assert found.verdict is INCONCLUSIVE and "takes about" in found.evidence


@pytest.mark.parametrize("right", [0, 8, 12])
def test_a_ratio_to_a_guessing_original_says_nothing(right: int) -> None:
    found = judged(Evidence(result(quality=quality(right, 0, items=100))))["accuracy"]
    assert found.verdict is INCONCLUSIVE and "guessing" in found.evidence


def test_one_item_never_decides() -> None:
    assert (
        judged(Evidence(result(quality=quality(1, 0, items=1, chance=0.01))))["accuracy"].verdict
        is INCONCLUSIVE
    )


def test_without_the_originals_answers_there_is_no_accuracy_gate() -> None:
    alone = score(Answers((0, 0), (0, 0)), None)
    assert judged(Evidence(result(quality=alone)))["accuracy"].verdict is NOT_MEASURED


def test_without_labels_fidelity_is_judged_and_never_called_accuracy() -> None:
    fidelity = LanguageFidelity(
        4096, interval(4.0), interval(1.03, 1.01, 1.04), interval(0.01), 0.1, interval(0.92, 0.89, 0.95), 0.02
    )
    found = judged(Evidence(result(fidelity=fidelity)))
    assert "accuracy" not in found
    assert (found["perplexity"].verdict, found["top1_agreement"].verdict) == (PASS, INCONCLUSIVE)
    assert "accuracy" not in found["perplexity"].evidence + found["top1_agreement"].evidence


def test_classifiers_without_labels_and_other_models_have_gates_of_their_own() -> None:
    agreement = QualityScore(98, 100, interval(0.98, 0.94, 0.99), flipped=0.02, kind="fidelity")
    assert judged(Evidence(result(quality=agreement)))["agreement"].verdict is PASS
    outputs = OutputFidelity(10, interval(0.97, 0.96, 0.98), 0.9, 0.5)
    assert judged(Evidence(result(output_fidelity=outputs)))["output_similarity"].verdict is FAIL


def test_speed_takes_the_comparisons_interval() -> None:
    fast = comparison("decode_tokens_per_s", interval(2.6, 2.4, 2.9))
    open_ = comparison("prefill_tokens_per_s", interval(2.0, 1.8, 2.2), more_pairs=30)
    found = judged(Evidence(result(comparisons=(fast, open_))))
    assert found["decode_speed"].verdict is PASS
    assert found["prefill_speed"].verdict is INCONCLUSIVE
    assert "About 30 more would decide." in found["prefill_speed"].evidence


def test_more_pairs_are_not_promised_for_another_threshold() -> None:
    open_ = comparison("decode_tokens_per_s", interval(1.5, 1.4, 1.6), more_pairs=30)
    gates = with_thresholds(default_gates(), {"decode_speed": 1.5})
    found = {one.gate.name: one for one in evaluate(Evidence(result(comparisons=(open_,))), gates)}
    assert found["decode_speed"].verdict is INCONCLUSIVE and "30" not in found["decode_speed"].evidence


def test_an_emulators_speed_is_not_judged() -> None:
    fast = comparison("decode_tokens_per_s", interval(9.0))
    found = judged(Evidence(result(comparisons=(fast,)), readings=readings([5.0] * 9), emulated=True))
    assert found["decode_speed"].verdict is found["stability"].verdict is NOT_MEASURED


@pytest.mark.parametrize(
    ("ours", "verdict"), [(400, PASS), (490, INCONCLUSIVE), (510, INCONCLUSIVE), (520, FAIL)]
)
def test_memory_compares_total_peaks_and_names_the_runtime(ours: int, verdict: Verdict) -> None:
    original = result(original=True, memory=memory(1000))
    found = judged(Evidence(result(memory=memory(ours)), original))["memory"]
    assert found.verdict is verdict
    assert "runtime alone takes 60 MiB" in found.evidence and "differ by up to 5%" in found.evidence


def test_memory_at_another_context_is_not_compared() -> None:
    original = result(original=True, memory=memory(1000), context=4096)
    found = judged(Evidence(result(memory=memory(400)), original))["memory"]
    assert found.verdict is NOT_MEASURED and "context" in found.evidence


def test_memory_of_a_mapped_model_is_not_compared_with_that_of_one_that_was_read() -> None:
    original = result(original=True, memory=memory(1000))
    ours = result(memory=memory(400))
    load = replace(ours.configuration.load, options={"mmap": False})
    read = replace(ours, configuration=replace(ours.configuration, load=load))
    found = judged(Evidence(read, original))["memory"]
    assert found.verdict is NOT_MEASURED and "mmap" in found.evidence
    both = replace(original, configuration=replace(original.configuration, load=load))
    assert judged(Evidence(read, both))["memory"].verdict is PASS
    other = replace(read.configuration.artifact, framework="another")
    elsewhere = replace(read, configuration=replace(read.configuration, artifact=other))
    assert judged(Evidence(elsewhere, original))["memory"].verdict is PASS


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [
        ([100.0, 101, 99, 100, 102, 98] * 2, PASS),
        ([100.0, 20, 100, 30, 100, 15] * 4, FAIL),
        ([100.0, 70, 100, 100, 130, 100], INCONCLUSIVE),
        ([100.0] * 5, NOT_MEASURED),
    ],
)
def test_stability_is_the_variation_of_the_readings(rates: list[float], verdict: Verdict) -> None:
    assert judged(Evidence(result(), readings=readings(rates)))["stability"].verdict is verdict


def test_only_its_own_readings_that_count_are_used() -> None:
    steady = readings([100.0] * 6 + [99.0])
    others = readings([1.0, 500.0] * 5, label="original F16")
    void = readings([1.0, 500.0] * 5, void=True)
    found = judged(Evidence(result(), readings=[*steady, *others, *void]))["stability"]
    assert found.verdict is PASS and "7 readings" in found.evidence


@patient
@given(st.lists(st.floats(1, 1000), min_size=2, max_size=24))
def test_variation_lies_in_its_interval(rates: list[float]) -> None:
    found = variation(rates)
    assert found.estimate == pytest.approx(np.std(rates, ddof=1) / np.mean(rates))
    assert 0 <= found.low <= found.estimate <= found.high


GOOD = Finding("long context", True, "4,096 tokens worked.")
BAD = Finding("repeated load", False, "Memory grew by 12 MiB a load.")
UNKNOWN = Finding("concurrent sessions", None, "There was no memory for two sessions.")


@pytest.mark.parametrize(
    ("findings", "verdict", "sentence"),
    [
        ([GOOD], PASS, GOOD.evidence),
        ([GOOD, BAD, UNKNOWN], FAIL, BAD.evidence),
        ([GOOD, UNKNOWN], INCONCLUSIVE, UNKNOWN.evidence),
    ],
)
def test_findings_fail_before_they_are_unknown(
    findings: list[Finding], verdict: Verdict, sentence: str
) -> None:
    found = judged(Evidence(result(), stress=findings))["stress"]
    assert (found.verdict, found.evidence) == (verdict, sentence)


def test_the_worst_verdict_speaks_for_all() -> None:
    made = [GateResult(default_gates()["memory"], verdict, None, "") for verdict in (PASS, NOT_MEASURED)]
    assert overall(made) is NOT_MEASURED
    assert overall([]) is NOT_MEASURED
    assert overall([*made, GateResult(default_gates()["memory"], FAIL, None, "")]) is FAIL


def security(folder: Path, licence: str = "MIT", **changes: object) -> dict[str, Finding]:
    return {one.name: one for one in inspect_files(artifact(folder, **changes), licence)}


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An OpenVINO folder whose weights begin like a pickle."""
    (tmp_path / "openvino_model.xml").write_text("<net/>")
    (tmp_path / "openvino_model.bin").write_bytes(b"\x80\x04 weights")
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def test_a_sound_folder_passes(model: Path) -> None:
    found = security(model, hashes=hashes(model))
    assert {one.passed for one in found.values()} == {True}


def test_a_single_file_is_inspected_alone(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    (tmp_path / "other.py").write_text("")
    found = security(path, hashes={"model.gguf": hashlib.sha256(b"GGUF").hexdigest()})
    assert {one.passed for one in found.values()} == {True}


def test_pickles_are_found_by_name_and_by_content(model: Path) -> None:
    (model / "pytorch_model.bin").write_bytes(pickle.dumps([1]))
    (model / "old.ckpt").write_bytes(b"")
    with zipfile.ZipFile(model / "weights.data", "w") as archive:
        archive.writestr("weights/data.pkl", b"")
    found = security(model)["no pickle"]
    assert found.passed is False
    assert all(name in found.evidence for name in ("pytorch_model.bin", "old.ckpt", "weights.data"))


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("thing", [Harmful(), {"weights": [1.0, 2.0]}, OrderedDict(a=1)])
def test_every_protocol_is_found_without_its_suffix(tmp_path: Path, protocol: int, thing: object) -> None:
    (tmp_path / "weights.dat").write_bytes(pickle.dumps(thing, protocol))
    assert security(tmp_path)["no pickle"].passed is False


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Harmful(), 0)[:-1] + b"\x01 and something else",
        b"\x80\x01" + pickle.dumps(Harmful(), 1),
        b"(S'true'\nios\nsystem\n.",
        b"(cos\nsystem\nS'true'\no.",
    ],
    ids=["without an end", "with a mark", "INST", "OBJ"],
)
def test_what_calls_something_is_found_however_it_is_written(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.dat").write_bytes(content)
    assert security(tmp_path)["no pickle"].passed is False


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b".",
        b"GGUF\x03\x00\x00\x00" + bytes(64),
        b"(if you read this\nit is text\n.",
        b"cat\ndog\nRat\n.",
        b"config\nname with spaces\n)R.",
        b"N.\n",
        bytes(range(256)),
    ],
)
def test_weights_and_texts_are_no_pickles(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.dat").write_bytes(content)
    assert security(tmp_path)["no pickle"].passed is True


def test_suffixes_are_known_in_any_case(model: Path) -> None:
    for name in ("a.PKL", "b.Pt", "c.CKPT"):
        (model / name).write_bytes(b"")
    assert all(name in security(model)["no pickle"].evidence for name in ("a.PKL", "b.Pt", "c.CKPT"))


def test_arrays_of_objects_are_pickles_and_other_arrays_are_none(tmp_path: Path) -> None:
    numbers = np.zeros(3, dtype=[("O", "<f4"), ("b", "<i8")])
    np.save(tmp_path / "numbers.npy", numbers)
    np.savez(tmp_path / "numbers.npz", numbers)
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY\x01\x00\x05\x00{[(")
    assert security(tmp_path)["no pickle"].passed is True
    objects = np.array([{"a": 1}], dtype=object)
    np.save(tmp_path / "objects.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "objects.npz", fine=numbers, objects=objects)
    np.save(tmp_path / "fields.npy", np.zeros(1, dtype=[("a", object)]), allow_pickle=True)
    found = security(tmp_path)["no pickle"]
    assert found.passed is False
    assert all(name in found.evidence for name in ("objects.npy", "objects.npz", "fields.npy"))
    assert "numbers" not in found.evidence


def test_code_is_found(model: Path) -> None:
    (model / "modeling.py").write_text("")
    (model / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling.Model"}}))
    found = security(model)["no remote code"]
    assert found.passed is False and "modeling.py" in found.evidence and "config.json" in found.evidence


def test_a_config_that_is_no_json_asks_for_nothing(model: Path) -> None:
    (model / "config.json").write_text("{")
    assert security(model)["no remote code"].passed


def test_changed_missing_and_new_files_are_found(model: Path) -> None:
    recorded = hashes(model)
    (model / "config.json").write_text('{"a": 1}')
    assert "config.json" in security(model, hashes=recorded)["hashes"].evidence
    (model / "config.json").unlink()
    assert security(model, hashes=recorded)["hashes"].passed is False
    (model / "new.txt").write_text("")
    assert "new.txt" in security(model, hashes=recorded)["hashes"].evidence


def test_what_is_not_known_is_not_passed(model: Path) -> None:
    found = security(model, licence="")
    assert found["hashes"].passed is None and found["licence"].passed is None
