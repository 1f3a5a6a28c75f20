"""The command that stands in a report, read by the real parser, asks for what the run was asked for."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends import cli
from backends.actions.bench import DEPTHS
from backends.actions.certified import _stress_plan
from backends.actions.compare import Comparison
from backends.actions.keeping import setup_of
from backends.actions.opening import load_words, opened_with
from backends.actions.repeating import commands
from backends.benchmarking.grid import grids
from backends.commands.adding import options_of
from backends.commands.measuring import gates_of
from backends.commands.optimizing import _choices
from backends.domain.artifact import Configuration, LoadOptions
from backends.domain.preprocessing import CHANNEL_ORDERS, LAYOUTS, Preprocessing
from backends.domain.result import ConfigurationResult, DataFile, RunRecord, RunSetup, Stage
from backends.optimization.gates import default_gates, with_thresholds
from backends.optimization.stress import STRESS_PLANS, StressPlan
from backends.storage.paths import app_paths
from backends.storage.settings import Settings, write_settings
from backends.workflow.wizard import Choice
from tests.unit.samples import artifact, source

NAMES = st.from_regex(r"[A-Za-z_ ,“]{1,9}\.(txt|jsonl)", fullmatch=True)
OPTIONS = st.dictionaries(
    st.from_regex(r"[a-z_]{1,9}", fullmatch=True),
    st.booleans() | st.integers(-9, 99) | st.floats(-2, 2) | st.text("Q8_0true .", min_size=1, max_size=6),
)
THRESHOLDS = st.dictionaries(st.sampled_from(sorted(default_gates())), st.floats(0, 3), max_size=3)
SIDES = st.integers(1, 999)
PIXELS = st.tuples(st.floats(-2, 2), st.floats(0.001, 2))
PREPARED = st.builds(
    Preprocessing,
    SIDES,
    SIDES,
    st.sampled_from((1, 3)),
    st.sampled_from(LAYOUTS),
    channel_order=st.sampled_from(CHANNEL_ORDERS),
)
DATA = NAMES.map(lambda name: DataFile(name, "0" * 64))


@pytest.fixture(autouse=True, scope="module")
def settings_of_another_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The command means the same where the settings judge by thresholds of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEWRIGHT_HOME", str(tmp_path_factory.mktemp("home")))
        own = Settings(gate_thresholds={"memory": 0.123, "stability": 0.321}, energy="battery", grid="NO")
        write_settings(app_paths().settings, own)
        yield


@st.composite
def asked(draw: st.DrawFn, load: bool) -> tuple[Comparison, RunSetup]:
    depth = draw(st.sampled_from(sorted(DEPTHS)))
    threads = draw(st.integers(0, 64))
    device = draw(st.sampled_from(("CPU", "GPU.1", "CUDA0")))
    way = LoadOptions(device, threads, options=draw(OPTIONS) if load else {})
    opened = tuple(Configuration(artifact(original=first), way) for first in (True, False))
    comparison = Comparison(
        source(),
        opened[0].artifact,
        (opened[1].artifact,),
        DEPTHS[depth],
        device=device,
        threads=threads,
        task_limit=draw(st.none() | st.integers(1, 9999)),
        gates=with_thresholds(default_gates(), draw(THRESHOLDS)),
        stress=STRESS_PLANS[depth] if draw(st.booleans()) else None,
        energy=draw(st.sampled_from(("counters", "battery", "off"))),
        grid=draw(st.sampled_from(sorted(grids()))),
        opened=opened,
    )
    setup = replace(
        setup_of(comparison),
        mean=draw(st.just(()) | PIXELS),
        std=draw(st.just(()) | PIXELS),
        tasks=draw(st.none() | DATA),
        evaluation=draw(st.none() | DATA),
        calibration=draw(st.none() | DATA),
        preprocessing=draw(st.none() | PREPARED),
    )
    return comparison, setup


def record_of(comparison: Comparison, setup: RunSetup, **more: Any) -> RunRecord:
    results = tuple(ConfigurationResult(one) for one in comparison.configurations())
    return RunRecord("r", "2026", "model", results, setup=setup, **more)


def parsed(record: RunRecord) -> Namespace:
    (command,) = commands(record)
    program, *words = shlex.split(command)
    assert program == "edgewright"
    return cli._parser().parse_args(words)


def assert_same(got: Namespace, comparison: Comparison, setup: RunSetup) -> None:
    assert DEPTHS[got.depth] == comparison.protocol
    assert (got.device, got.threads) == (comparison.device, comparison.threads)
    assert gates_of(got) == comparison.gates
    assert (got.energy, got.grid) == (comparison.energy, comparison.grid)
    assert ((got.mean or ()), (got.std or ())) == (setup.mean, setup.std)
    prepared = setup.preprocessing
    sized = ((prepared.height, prepared.width), prepared.layout) if prepared else (None, "")
    assert (got.size, got.layout) == sized
    swapped = prepared is not None and prepared.channels == 3 and prepared.channel_order == "BGR"
    assert got.channel_order == ("BGR" if swapped else "")
    for path, known in ((got.data, setup.tasks), (got.text, setup.evaluation)):
        assert path == (Path(known.name) if known else None)


@given(asked(load=True))
def test_bench_is_asked_for_the_same(drawn: tuple[Comparison, RunSetup]) -> None:
    comparison, setup = drawn
    got = parsed(record_of(comparison, setup))
    assert_same(got, comparison, setup)
    assert got.stress == (comparison.stress is not None)
    assert got.questions == comparison.task_limit
    options = comparison.configurations()[0].load.options
    assert {name: (type(value), value) for name, value in options_of(got.load).items()} == {
        name: (type(value), value) for name, value in options.items()
    }


CHOICES = (Choice("llamacpp", "Q4_K_M"), Choice("llamacpp", "Q8_0"), Choice("openvino", "INT4_SYM"))


@given(asked(load=False), st.lists(st.sampled_from(CHOICES), min_size=1, max_size=3))
def test_optimize_is_asked_for_the_same(drawn: tuple[Comparison, RunSetup], tried: list[Choice]) -> None:
    comparison, setup = drawn
    setup = replace(setup, choices=tuple((one.framework, one.precision) for one in tried))
    first = ConfigurationResult(comparison.configurations()[0])
    got = parsed(record_of(comparison, setup, stages=(Stage("baseline", "kept", (), first),)))
    assert_same(got, comparison, setup)
    assert got.no_stress == (comparison.stress is None)
    assert got.calibration == (Path(setup.calibration.name) if setup.calibration else None)
    assert _choices(source(), got, None) == tuple(tried)  # type: ignore[arg-type] # named: no job is asked


@given(st.tuples(st.floats(0, 255), st.floats(0, 255)), st.tuples(st.floats(1, 99), st.floats(1, 99)))
def test_figures_of_bytes_are_named_as_the_flags_take_them(
    mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    comparison = Comparison(source(), artifact(original=True), (artifact(),))
    prepared = Preprocessing(4, 4, 3, scale=1.0, mean=mean, std=std)
    got = parsed(record_of(comparison, setup_of(replace(comparison, preprocessing=prepared))))
    assert got.mean == pytest.approx([value / 255 for value in mean])
    assert got.std == pytest.approx([value / 255 for value in std])
    whole = replace(prepared, dtype="uint8")
    got = parsed(record_of(comparison, setup_of(replace(comparison, preprocessing=whole))))
    assert (got.mean, got.std) == (mean, std)


def test_each_is_opened_again_in_its_own_way() -> None:
    path = Path("original.gguf")
    original = replace(artifact(original=True), path=path, source=path)
    made, other = artifact(), replace(artifact(), framework="openvino")
    ways = (
        LoadOptions(options={"repack": True, "mmap": False}),
        LoadOptions(options={"flash_attn": True, "repack": True}),
        LoadOptions(options={"hint": "throughput", "repack": True}),
    )
    opened = tuple(Configuration(one, way) for one, way in zip((original, made, other), ways, strict=True))
    comparison = Comparison(source(), original, (made, other), opened=opened)
    record = record_of(comparison, setup_of(comparison))
    words = ["repack=true", "1:mmap=false", "2:flash_attn=true", "3:hint=throughput"]
    assert sorted(parsed(record).load) == sorted(words)
    stopped = replace(record, results=record.results[::-1])
    assert parsed(stopped).artifact[0] == Path("original.gguf"), "also where it was stored last"


def test_a_converted_original_is_asked_for_by_what_it_was_converted_from() -> None:
    kept = replace(artifact(original=True), path=Path("cache/1f2e/model.onnx"), source=Path("models/mine"))
    comparison = Comparison(source(), kept, (artifact(),))
    assert parsed(record_of(comparison, setup_of(comparison))).artifact[0] == Path("mine")


def test_what_the_windows_words_say_is_what_each_is_opened_with() -> None:
    original, made = artifact(original=True), artifact()
    plain = (Configuration(original), Configuration(made))
    given = {"1:repack": True, "2:flash_attn": True, "n_batch": 64, "2:n_batch": 32}
    opened = opened_with(plain, given)
    assert [one.load.options for one in opened] == [
        {"n_batch": 64, "repack": True},
        {"n_batch": 32, "flash_attn": True},
    ]
    assert opened_with(plain, load_words([one.load.options for one in opened])) == opened


def test_the_context_is_asked_for_where_it_is_not_the_usual() -> None:
    for context, wanted in ((256, 256), (1024, None)):
        comparison = Comparison(source(), artifact(original=True), (artifact(),), context=context)
        assert parsed(record_of(comparison, setup_of(comparison))).context == wanted


@pytest.mark.parametrize("way", [LoadOptions("GPU"), LoadOptions(threads=2), LoadOptions(context=64)])
def test_no_command_where_one_ran_apart_from_the_others(way: LoadOptions) -> None:
    original, made = artifact(original=True), artifact()
    mixed = Comparison(
        source(), original, (made,), opened=(Configuration(original), Configuration(made, way))
    )
    assert commands(record_of(mixed, setup_of(mixed))) == ()


def test_a_certificate_repeats_the_stress_run_that_was() -> None:
    hard = StressPlan(sessions=3, loads=9, context=77, new_tokens=5)
    comparison = Comparison(source(), artifact(original=True), (artifact(),), stress=hard)
    setup = setup_of(comparison)
    assert _stress_plan(setup) == hard
    older = replace(setup, stress_plan={}, looks=DEPTHS["standard"].looks)
    assert _stress_plan(older) == STRESS_PLANS["standard"]
    assert _stress_plan(replace(setup, stress=False)) is None
