"""The Hub client against a server on loopback: what comes, what is refused, and what a broken line costs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backends.domain.errors import BadInput, EdgewrightError, JobCancelled, JobFailed
from backends.domain.events import Event, Log, Progress
from backends.domain.hub import HubPlan
from backends.jobs.context import CancelToken, Context
from backends.sources import connection, hub
from tests.unit.sources.server import OTHER_COMMIT, Behaviour, serving, small_model, weights

MODEL = hub.parse("owner/name")
TOKEN = "hf_secretsecretsecret"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hub, "FIRST_WAIT_S", 0.0)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "no-such-home"))


class Talk:
    """A job that keeps what it was told, and may be cancelled by what it hears."""

    def __init__(self, on_event: Callable[[Event], None] = lambda event: None) -> None:
        self.events: list[Event] = []
        self.token = CancelToken()
        self.job = Context(self._hear, self.token)
        self._on_event = on_event

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self._on_event(event)


@contextmanager
def planned(
    behaviour: Behaviour, token: str = "", *patterns: str
) -> Iterator[tuple[connection.Server, HubPlan]]:
    with serving(behaviour) as address:
        server = connection.Server(address, token)
        yield server, hub.plan(server, MODEL, Talk().job, patterns)


def fetch(behaviour: Behaviour, folder: Path, talk: Talk | None = None, token: str = "") -> HubPlan:
    with planned(behaviour, token) as (server, plan):
        folder.mkdir(exist_ok=True)
        hub.download(server, plan, folder, (talk or Talk()).job)
    return plan


def test_a_model_is_named_as_on_the_hub() -> None:
    assert hub.parse("hf:owner/name@v1.0") == hub.parse("owner/name", "v1.0")
    assert hub.parse("owner/name").title == "owner/name"


@pytest.mark.parametrize("text", ["name", "a/b/c", "../x", "owner/..", "o/n@../x", "o/n@", "/etc/passwd", ""])
def test_what_is_no_name_is_refused(text: str) -> None:
    if text == "o/n@":
        assert hub.parse(text).revision == "main"
        return
    with pytest.raises(BadInput):
        hub.parse(text)


def test_the_plan_knows_commit_sizes_and_hashes_before_a_byte_comes() -> None:
    behaviour = Behaviour()
    with planned(behaviour) as (_, plan):
        pass
    assert plan.commit == behaviour.commit
    assert [file.name for file in plan.files] == ["config.json", "tokenizer.model", "model.safetensors"]
    assert plan.size_bytes == sum(len(small_model()[file.name]) for file in plan.files)
    assert set(plan.left_out) == {"modeling_own.py", "pytorch_model.bin"}
    assert len(plan.files[-1].sha256) == 64 and len(plan.files[0].blob_sha1) == 40
    assert [asked.path for asked in behaviour.asked] == ["/api/models/owner/name/revision/main"]


def test_a_download_brings_the_files_and_nothing_else(tmp_path: Path) -> None:
    talk, folder = Talk(), tmp_path / "model"
    plan = fetch(Behaviour(), folder, talk)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        file.name: small_model()[file.name] for file in plan.files
    }
    shares = [event.fraction for event in talk.events if isinstance(event, Progress)]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert any(isinstance(event, Progress) and event.remaining_s is not None for event in talk.events)


def test_a_line_that_breaks_is_taken_up_where_it_broke(tmp_path: Path) -> None:
    behaviour, talk = Behaviour(break_after=[100_000, 150_000]), Talk()
    fetch(behaviour, tmp_path / "model", talk)
    ranges = [asked.headers.get("range") for asked in behaviour.downloads("model.safetensors")]
    assert ranges == [None, "bytes=100000-", "bytes=250000-"]
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == weights()
    assert any(isinstance(event, Log) and "broke off" in event.text for event in talk.events)


def test_a_part_of_another_session_is_continued(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with pytest.raises(JobFailed, match="broke off"):
        fetch(Behaviour(break_after=[120_000] + [0] * hub.ATTEMPTS), folder)
    assert not (folder / "model.safetensors").exists()
    again = Behaviour()
    fetch(again, folder)
    assert again.downloads("model.safetensors")[0].headers["range"] == "bytes=120000-"
    assert not again.downloads("config.json")  # it was whole
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.model",
    ]


def test_a_part_of_something_else_is_not_continued(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with pytest.raises(JobFailed):
        fetch(Behaviour(break_after=[120_000] + [0] * hub.ATTEMPTS), folder)
    fetch(Behaviour(tags={"model.safetensors": '"another"'}), folder)  # If-Range fails: all of it comes
    assert (folder / "model.safetensors").read_bytes() == weights()


def test_a_server_that_gives_no_tag_is_asked_for_all_of_it(tmp_path: Path) -> None:
    behaviour = Behaviour(tags={"model.safetensors": 'W/"weak"'}, break_after=[100_000])
    fetch(behaviour, tmp_path / "model")
    assert [a.headers.get("range") for a in behaviour.downloads("model.safetensors")] == [None, None]
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == weights()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_wrong_content_never_gets_its_name(name: str, tmp_path: Path) -> None:
    content = bytearray(small_model()[name])
    content[10] ^= 1
    with pytest.raises(JobFailed, match="is not what"):
        fetch(Behaviour(served={name: bytes(content)}), tmp_path / "model")
    assert not list((tmp_path / "model").glob(f"{name}*"))


def test_a_file_of_another_size_is_no_longer_the_same(tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match="changed meanwhile"):
        fetch(Behaviour(served={"model.safetensors": weights(200_000)}), tmp_path / "model")


def test_a_cancel_is_heard_in_the_middle_and_the_part_stays(tmp_path: Path) -> None:
    talk = Talk(lambda event: talk.token.cancel() if isinstance(event, Progress) else None)
    behaviour = Behaviour(files={"config.json": b"{}", "model.safetensors": weights(3_000_000)})
    with pytest.raises(JobCancelled):
        fetch(behaviour, tmp_path / "model", talk)
    assert not (tmp_path / "model" / "model.safetensors").exists()


def test_the_token_goes_to_its_server_and_to_no_other(tmp_path: Path) -> None:
    elsewhere = Behaviour()
    with serving(elsewhere) as address:
        behaviour = Behaviour(token=TOKEN, redirect=address)
        plan = fetch(behaviour, tmp_path / "model", token=TOKEN)
    assert all(asked.headers["authorization"] == f"Bearer {TOKEN}" for asked in behaviour.asked)
    assert elsewhere.asked and not any("authorization" in asked.headers for asked in elsewhere.asked)
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == weights()
    assert TOKEN not in repr(plan) + repr(connection.Server("https://x", TOKEN))


def test_the_token_never_crosses_a_network_in_the_clear() -> None:
    open_server = connection.Server("http://models.example", TOKEN)
    assert open_server._authorization("http://models.example/api") == {}
    safe = connection.Server("https://models.example", TOKEN)
    assert safe._authorization("https://models.example/api")
    assert safe._authorization("https://models.example.evil/api") == {}
    assert safe._authorization("http://models.example/api") == {}


def test_a_redirect_out_of_https_is_refused() -> None:
    server = connection.Server("https://models.example")
    with pytest.raises(BadInput, match="not safe"):
        server._next("https://models.example/a", "http://models.example/b")
    with pytest.raises(BadInput, match="not safe"):
        server._next("http://127.0.0.1/a", "file:///etc/passwd")


@pytest.mark.parametrize(
    ("code", "headers", "sentence", "remedy"),
    [
        (401, {}, "does not exist, or it is private", "token"),
        (401, {"X-Error-Code": "GatedRepo"}, "is gated", "Accept"),
        (403, {}, "is gated", "Accept"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "no such revision", "branch"),
        (404, {}, "has no owner/name", "name"),
        (429, {"Retry-After": "3600"}, "too many requests", "3600 s"),
        (429, {}, "too many requests", "some minutes"),
        (503, {}, "has trouble", "later"),
        (418, {}, "refuses", "name"),
    ],
)
def test_refusals_are_sentences_with_a_remedy(
    code: int, headers: dict[str, str], sentence: str, remedy: str
) -> None:
    with (
        pytest.raises(EdgewrightError) as caught,
        planned(Behaviour(refuse=[(code, headers)]), TOKEN),
    ):
        pass
    assert sentence in caught.value.message
    assert remedy in caught.value.remedy
    assert TOKEN not in str(caught.value)


def test_a_short_wait_that_the_server_asks_for_is_waited(tmp_path: Path) -> None:
    fetch(Behaviour(refuse=[(429, {"Retry-After": "0"})]), tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").is_file()


def test_trouble_that_passes_is_outlived(tmp_path: Path) -> None:
    behaviour = Behaviour()
    with planned(behaviour) as (server, plan):
        behaviour.refuse = [(503, {}), (502, {})]
        (tmp_path / "model").mkdir()
        hub.download(server, plan, tmp_path / "model", Talk().job)
    assert (tmp_path / "model" / "model.safetensors").is_file()


def test_without_a_connection_there_is_a_sentence() -> None:
    with serving(Behaviour()) as address:
        pass
    with pytest.raises(JobFailed, match="cannot be reached") as caught:
        hub.plan(connection.Server(address), MODEL, Talk().job)
    assert "copy the model" in caught.value.remedy


@pytest.mark.parametrize(
    "name", ["../evil.json", "/etc/evil.json", "a/../../evil.json", "C:\\evil.json", "a\nb"]
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="refused"), planned(Behaviour(names={"config.json": name})):
        pass


@pytest.mark.parametrize(
    "extra", [{"sha": "../.."}, {"sha": None}, {"siblings": "none"}, {"siblings": [1]}], ids=str
)
def test_a_listing_that_makes_no_sense_is_refused(extra: dict[str, object]) -> None:
    with pytest.raises(JobFailed, match="not understood"), planned(Behaviour(extra=extra)):
        pass


def test_a_full_disk_is_said_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backends.frameworks import files

    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    behaviour = Behaviour()
    with pytest.raises(JobFailed, match="full"):
        fetch(behaviour, tmp_path / "model")
    assert not behaviour.downloads("model.safetensors")


def test_whoever_looks_at_the_configuration_can_refuse_before_the_weights_come(tmp_path: Path) -> None:
    def look(path: Path) -> None:
        raise BadInput(f"{path.name}: no.")

    behaviour = Behaviour()
    with planned(behaviour) as (server, plan), pytest.raises(BadInput):
        hub.download(server, plan, tmp_path, Talk().job, look)
    assert not behaviour.downloads("model.safetensors")


def test_the_endpoint_and_the_token_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connection.server() == connection.Server("https://huggingface.co", "")
    (tmp_path / "token").write_text("of-the-file\n")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    assert connection.server().token == "of-the-file"
    monkeypatch.setenv("HF_TOKEN", "of-the-environment")
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert connection.server() == connection.Server("https://mirror.example", "of-the-environment")
    assert connection.server("of-the-user").token == "of-the-user"
    monkeypatch.setenv("HF_ENDPOINT", "ftp://mirror.example")
    with pytest.raises(BadInput, match="HF_ENDPOINT"):
        connection.server()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(JobFailed, match="HF_HUB_OFFLINE"):
        connection.server()


def test_another_commit_is_another_model() -> None:
    with planned(Behaviour(commit=OTHER_COMMIT)) as (_, plan):
        assert plan.commit == OTHER_COMMIT
    assert json.dumps(plan.commit)
