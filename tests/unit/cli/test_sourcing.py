"""``edgewright fetch`` and ``edgewright shape`` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backends.actions import fetch
from backends.commands.sourcing import named
from backends.domain.hub import Fetched, HubModel
from backends.jobs.context import Context
from backends.sources.shapes import Shape, write_folder
from backends.storage.paths import resources
from tests.unit.cli.test_cli import check, run
from tests.unit.cli.test_views import for_people
from tests.unit.sources.server import Behaviour, serving
from tests.unit.sources.test_shapes import TINY


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "no-such-home"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def config(tmp_path: Path) -> str:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(TINY))
    return str(folder / "config.json")


def test_a_plan_shows_files_and_size_and_downloads_nothing(
    capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour = Behaviour()
    with serving(behaviour) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        code, out, _ = run(capsys, "fetch", "owner/name", "--plan", "--json")
        told = for_people(run(capsys, "fetch", "owner/name", "--plan")[1])
    document = check("fetch", out)
    assert code == 0
    assert document["size_bytes"] == sum(file["size_bytes"] for file in document["files"])
    assert not home.exists() and not behaviour.downloads("config.json")
    assert f"Download: {document['size_bytes'] / 1e3:.1f} kB in {len(document['files'])} files" in told
    assert all(f"{one['name']} {one['size_bytes'] / 1e3:.1f} kB" in told for one in document["files"])
    assert all(name in told.partition("Left out:")[2] for name in document["left_out"])


def test_a_model_on_the_hub_is_named_where_a_path_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    write_folder(made, Shape("tiny", TINY), "F16", lambda count: None)
    files = {path.name: path.read_bytes() for path in made.iterdir()}
    behaviour = Behaviour(files=files)
    with serving(behaviour) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        code, out, _ = run(capsys, "fetch", "owner/name", "--json")
        assert code == 0
        document = check("fetch", out)
        told = for_people(run(capsys, "fetch", "owner/name")[1])
        assert f"Model: owner/name Commit: {behaviour.commit} Where: {document['path']}" in told
        assert told.endswith("Downloaded: nothing, as it was here already")
        assert document["downloaded_bytes"] > 0
        code, out, _ = run(capsys, "assess", "hf:owner/name@main", "--json")
    assert code == 0
    assert check("assess", out)["profile"]["path"] == document["path"]


def test_what_is_no_model_on_the_hub(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(capsys, "fetch", "nonsense")[0] == 2
    with serving(Behaviour(refuse=[(404, {}), (401, {})])) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        code, out, _ = run(capsys, "fetch", "owner/name", "--json")
        assert code == check("error", out)["error"]["exit_code"] == 2
        code, _, err = run(capsys, "recommend", "hf:owner/name")
    assert (code, "HF_TOKEN" in err) == (2, True)


def test_the_shapes_are_listed_with_size_and_fit(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "shape", "--list", "--json")
    document = check("shape", out)
    assert code == 0
    assert len(document["shapes"]) == 16 and document["made"] is None
    assert all(shape["size_bytes"] == 2 * shape["parameters"] for shape in document["shapes"])
    told = for_people(run(capsys, "shape", "--list")[1])
    for shape in document["shapes"]:
        figures = f"{shape['parameters'] / 1e6:,.0f} M {shape['size_bytes'] / 1e6:,.1f} MB"
        assert f"{shape['name']} {figures}" in told


def test_a_shape_is_made_from_a_configuration_and_says_what_it_is(
    capsys: pytest.CaptureFixture[str], config: str, tmp_path: Path
) -> None:
    target = tmp_path / "out" / "tiny-model"
    code, out, _ = run(capsys, "shape", config, "--out", str(target), "--dtype", "BF16", "--json")
    document = check("shape", out)
    assert code == 0
    assert document["made"]["path"] == str(target)
    code, out, _ = run(capsys, "assess", str(target), "--json")
    assert check("assess", out)["profile"]["shape_only"]
    assert run(capsys, "shape", config, "--out", str(target))[0] == 2  # it is there already
    code, out, _ = run(capsys, "shape", config, "--out", str(tmp_path / "other"))
    told = for_people(out)
    assert (code, f"Where: {tmp_path / 'other'}" in told) == (0, True)
    assert f"Parameters: {document['made']['contents']['parameters'] / 1e6:.2f} M" in told
    assert told.endswith("Weights: random, for speed and memory only")


def test_what_is_no_shape(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "out"))
    code, _, err = run(capsys, "shape", "no-such-shape", *out)
    assert (code, "Qwen2.5-0.5B" in err) == (2, True)
    assert run(capsys, "shape", *out)[0] == 2
    assert run(capsys, "shape", "Qwen2.5-0.5B")[0] == 2  # where to?
    assert run(capsys, "shape", str(tmp_path / "absent" / "config.json"), *out)[0] == 2
    assert not (tmp_path / "out").exists()


MADE = ("--out", "made")


@pytest.mark.parametrize(
    "words",
    [
        ("assess", "MODEL"),
        ("recommend", "MODEL"),
        ("quantize", "MODEL", "--framework", "llamacpp", "--precision", "Q4_0", *MADE),
        ("convert", "MODEL", "--to", "gguf", "--plan"),
        ("optimize", "MODEL"),
        ("bench", "MODEL"),
        ("sweep", "MODEL", "--over", "threads"),
        ("sustained", "MODEL"),
        ("llama-bench", "MODEL"),
        ("finetune", "MODEL", "--data", "lines.jsonl", *MADE),
        ("olive", "plan", "MODEL"),
    ],
)
def test_every_command_takes_a_model_of_the_hub(
    words: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    monkeypatch.chdir(tmp_path)

    def bring(model: HubModel, job: Context) -> Fetched:
        asked.append(model.name)
        return Fetched(model, "c" * 40, tmp_path, tmp_path / "gone.gguf", 1)

    monkeypatch.setattr(fetch, "fetch", bring)
    code, _, err = run(capsys, *(word.replace("MODEL", "hf:owner/name") for word in words))
    assert (code, asked) == (2, ["owner/name"])
    assert "gone.gguf" in err


def test_a_bundled_model_is_named_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job, name = Context(lambda event: None), Path("edgewright-digits")
    assert named(name, job) == resources() / "models" / "edgewright-digits"
    assert named(tmp_path / name, job) == tmp_path / name
    assert named(Path("edgewright-none"), job) == Path("edgewright-none")
    name.mkdir()
    assert named(name, job) == name
