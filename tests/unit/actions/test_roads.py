"""Which conversions are told before they run."""

from __future__ import annotations

from backends.actions.roads import roads_ahead
from backends.domain.model import ModelFormat
from tests.unit.samples import source


def test_what_is_taken_as_it_is_needs_no_road() -> None:
    assert roads_ahead(source(), ["llamacpp", "onnxruntime"]) == ()


def test_the_original_comes_first_and_each_framework_once() -> None:
    folder = source(forms=(ModelFormat.HUGGING_FACE,))
    found = roads_ahead(folder, ["onnxruntime", "onnxruntime", "olive"])
    assert [ahead.framework for ahead in found] == ["", "onnxruntime"]
    assert found[1].road.formats[-1] is ModelFormat.ONNX
    assert [step.step for step in found[1].steps] == list(found[1].road.steps)


def test_where_no_road_leads_none_is_told() -> None:
    assert roads_ahead(source(forms=(ModelFormat.QNN_CONTEXT,)), ["llamacpp"]) == ()
