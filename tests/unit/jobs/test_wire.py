"""Every event and payload survives the pipe."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.codec import dump_line, from_plain, load_line, to_plain
from backends.domain.events import Cancelled, Event, Failed, Log, Progress, Result, Sample, Started
from backends.domain.hardware import HardwareProfile
from backends.domain.metric import ChoiceItem, TensorWorkload, TokenMeasurement, TokenWorkload
from backends.jobs import wire
from backends.jobs.spec import CHOOSE, MEASURE, ChooseRequest, JobSpec, WorkRequest
from tests.unit.samples import artifact, gpu, machine

finite = st.floats(allow_nan=False, allow_infinity=False)
events = st.one_of(
    st.builds(Started, st.text()),
    st.builds(Progress, st.none() | st.floats(0, 1), st.text(), st.none() | finite),
    st.builds(Sample, st.text(), st.text(), finite, finite),
    st.builds(Log, st.text()),
    st.builds(Failed, st.text(), st.text(), st.text(), st.none() | st.integers(-20, 255), st.text()),
    st.builds(Cancelled),
    st.builds(Result, st.builds(TokenMeasurement, st.integers(1, 9), st.tuples(finite, finite))),
)


@given(events)
def test_events_come_back_as_they_were(event: Event) -> None:
    line = dump_line(wire.event_message(3, event, MEASURE))
    assert line.count(b"\n") == 1
    assert wire.read_event(load_line(line), MEASURE) == event


@pytest.mark.parametrize(
    "spec",
    [
        JobSpec(MEASURE, WorkRequest(TokenWorkload((1, 2, 3), 8)), "llamacpp"),
        JobSpec(MEASURE, WorkRequest(TensorWorkload(Path("in.npz"))), "onnxruntime"),
        JobSpec(CHOOSE, ChooseRequest((ChoiceItem((1,), ((2,), (3, 4)), 1),)), "openvino"),
    ],
)
def test_commands_come_back_as_they_were(spec: JobSpec) -> None:
    line = dump_line(wire.command(7, spec))
    assert wire.read_command(load_line(line)) == (7, spec)


def test_whole_profiles_survive() -> None:
    before = machine(accelerators=(gpu("NVIDIA"),))
    assert from_plain(to_plain(before), HardwareProfile) == before
    assert from_plain(to_plain(artifact()), type(artifact())) == artifact()


def test_not_a_number_stays_one() -> None:
    message = load_line(dump_line(wire.event_message(1, Sample("a", "b", 0.0, math.nan), MEASURE)))
    assert math.isnan(wire.read_event(message, MEASURE).value)


@pytest.mark.parametrize("line", [b"", b"[]", b"3", b"{", b"\xff\xfe"])
def test_garbage_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):
        load_line(line)
