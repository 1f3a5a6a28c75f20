"""What commands print for people: whole, in a terminal's width, and in no program's words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from backends import cli
from backends.cli_text import WIDTH, facts
from backends.cli_views import artifact_text, assess_text, detect_text, recommend_text

MODELS = Path(__file__).parents[3] / "resources" / "models"
LANGUAGE, VISION = MODELS / "edgewright-lm", MODELS / "edgewright-digits"


def document_of(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert cli.main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def for_people(text: str) -> str:
    """The text on one line; paths, which are never broken, may be wider than the terminal."""
    wide = [line for line in text.splitlines() if len(line) > WIDTH]
    assert all(re.search(r"(^|\s)/\S+$", line) for line in wide)
    assert not re.search(r"\bNone\b(?! was found)|\bTrue\b|\bFalse\b|[{}]|why_not", text)
    return " ".join(text.split())


def test_values_stand_in_one_column_and_empty_ones_are_left_out() -> None:
    text = facts([("Name", "a " * 80), ("Nothing", ""), ("Licence", "MIT")])
    first, second, *_, last = text.splitlines()
    assert first.startswith("Name:    a") and second.startswith(" " * 9 + "a")
    assert last == "Licence: MIT"


def test_a_machine_with_the_reasons_for_what_it_does_not_tell(capsys: pytest.CaptureFixture[str]) -> None:
    document = document_of(capsys, "detect")
    text = for_people(detect_text(document))
    processor, memory = document["hardware"]["processor"], document["hardware"]["memory"]
    assert all(name in text for name in processor["instruction_sets"]["value"])
    assert f"{memory['total_bytes']['value'] / 2**30:.1f} GiB" in text
    assert f"{document['hardware']['throughput']['read_bytes_per_s'] / 1e9:.1f} GB/s" in text
    for answer in document["frameworks"]:
        assert (answer["version"] if answer["available"] else answer["remedy"]) in text
    assert all(note["why_not"] in text for note in document["hardware"]["accelerator_notes"])


def test_an_accelerator_says_who_uses_it(capsys: pytest.CaptureFixture[str]) -> None:
    document = document_of(capsys, "detect")
    document["hardware"]["accelerators"] = [
        {
            "kind": "gpu",
            "name": "GPU X",
            "vendor": "Y",
            "source": "PCI devices",
            "memory_bytes": {"value": 2**33, "source": "driver", "why_not": ""},
            "shared_memory": False,
            "driver": {"value": "1.2", "source": "driver", "why_not": ""},
            "usable_by": [{"framework": "OpenVINO", "how": "GPU.0", "seen": True}],
            "note": "",
        }
    ]
    text = for_people(detect_text(document))
    assert "GPU X, 8.00 GiB, driver 1.2" in text and "GPU X: OpenVINO (GPU.0)." in text


@pytest.mark.parametrize("model", [LANGUAGE, VISION])
def test_a_model_and_who_takes_it(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = document_of(capsys, "assess", str(model))
    document["profile"]["warnings"] = ["It has weights that nobody reads."]
    text = for_people(assess_text(document))
    profile = document["profile"]
    assert f"{profile['contents']['parameters'] / 1e6:.2f} M" in text
    assert f"Bits per weight: {profile['contents']['bits_per_weight']:.2f}" in text
    assert profile["architecture"] in text and profile["licence"] in text
    assert text.endswith("It has weights that nobody reads.")
    for taker in document["frameworks"]:
        assert f"{taker['title']}: {'yes' if taker['takes'] else 'no'}, {taker['reason']}" in text


def test_an_artifact_says_what_is_in_it_and_how_closely_it_follows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--framework", "llamacpp", "--precision", "Q4_K_M", "--out", str(tmp_path / "made"))
    document = document_of(capsys, "quantize", str(LANGUAGE), *words)
    document["warnings"] = ["Embeddings stayed at 8 bits."]
    text = for_people(artifact_text(document, 10 * document["size_bytes"]))
    assert "10% of its source" in text and document["path"] in text
    assert f"Bits per weight: {document['contents']['bits_per_weight']:.2f}" in text
    for name, count in document["contents"]["tensor_types"].items():
        assert f"{count} × {name}" in text
    assert f"top-1 agreement {document['sameness'][0]['top1_agreement']:.1%}" in text
    assert text.endswith("Embeddings stayed at 8 bits.")


def test_the_ranking_comes_first_and_the_reasons_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    document = document_of(capsys, "recommend", str(LANGUAGE))
    text = recommend_text(document)
    ranking, _, reasons = text.partition("* recommended")
    flat = for_people(reasons)
    for one in document["candidates"]:
        name = f"{one['title']} {one['precision']}"
        lines = [line for line in ranking.splitlines() if line.startswith((f"{name} ", f"{name} *"))]
        assert len(lines) == (1 if one["headline"] else 0)
        if one["headline"]:
            assert not any(reason in ranking for reason in one["reasons"])
            assert all(reason in flat for reason in one["reasons"])
    assert all(one["remedy"] in flat for one in document["ruled_out"])
