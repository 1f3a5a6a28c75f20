"""Whatever a tool prints, no parser raises."""

from __future__ import annotations

import struct

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.domain.hardware import HardwareProfile
from backends.hardware import conditions, heat, nvidia, parse, throughput, windows_api
from backends.hardware.detect import detect
from backends.hardware.system import Platform
from tests.unit.hardware.recorded import MACHINES, RecordedSystem, load

TEXT = st.text(max_size=200)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
NUMERIC = TEXT | st.from_regex(r"[-+0-9xXeE.,KMGTB ]{0,40}") | st.integers().map(str)
NAMES = sorted(path.name for path in MACHINES.iterdir() if path.is_dir())


@given(NUMERIC)
def test_numbers(text: str) -> None:
    whole = parse.integer(text)
    assert whole is None or abs(whole) < parse.LARGEST
    parse.hexadecimal(text)
    parse.number(text)
    parse.size_bytes(text)
    assert len(parse.cpu_list(text)) <= parse.MOST_CPUS + 1


@given(JSON)
def test_json_values(value: object) -> None:
    parse.integer(value)
    parse.number(value)
    assert isinstance(parse.word(parse.mapping(value), "x"), str)
    assert all(isinstance(each, dict) for each in parse.objects(value))


@given(TEXT)
def test_texts(text: str) -> None:
    parse.pairs(text)
    parse.blocks(text)
    parse.json_object(text)
    nvidia.rows(text)
    heat.celsius(text)
    heat.pi_throttled(text)
    conditions.parse_stat(text, 0.01)
    conditions.parse_process(text, 0.01)


@given(st.binary(max_size=300))
def test_windows_layout(buffer: bytes) -> None:
    windows_api.parse_layout(buffer)


@given(st.integers(0, 5), st.binary(max_size=80))
def test_windows_layout_with_a_good_header(relation: int, body: bytes) -> None:
    cores, caches = windows_api.parse_layout(struct.pack("<II", relation, 8 + len(body)) + body)
    assert len(cores) + len(caches) <= 1


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(NAMES), st.data())
def test_detection_of_a_machine_that_answers_garbage(name: str, data: st.DataObject) -> None:
    system = load(name)
    keys = data.draw(st.lists(st.sampled_from(sorted(system.answers)), max_size=12)) if system.answers else []
    for key in keys:
        system.answers[key] = data.draw(TEXT | NUMERIC)
    profile = detect(system)
    assert isinstance(profile, HardwareProfile)
    assert "Looking for it failed" not in repr(profile)
    throughput.fingerprint(profile)


@given(TEXT, TEXT)
def test_an_unheard_of_system(family: str, machine: str) -> None:
    assert detect(RecordedSystem(Platform(family, machine, ""), {})).accelerators == ()


def test_examples() -> None:
    assert parse.integer("007") == 7
    assert parse.integer("0x2A") == 42
    assert parse.integer(True) is None
    assert parse.size_bytes("307200K") == 300 << 20
    assert parse.size_bytes("24731708 kB") == 24731708 << 10
    assert parse.size_bytes("2048.00M") == 2 << 30
    assert parse.cpu_list("0-2,5,x") == (0, 1, 2, 5)
    assert parse.load_json("[" * 100_000) is None
    named = conditions.parse_process("7 (a) b (c) S 1 1 1 0 -1 0 0 0 0 0 12 30 0 0", 0.01)
    assert named == conditions.ProcessTime("a) b (c", 0.42)
