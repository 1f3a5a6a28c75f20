"""The planner: fewest steps, then quickest; shown before it runs; and the missing edge by name."""

from __future__ import annotations

from itertools import pairwise, permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.conversion.catalogue import read_closed, read_converters
from backends.conversion.graph import Closed, Converter, NoRoad, Size, plan
from backends.conversion.identity import cache_key
from backends.domain.model import ModelFormat, ModelKind
from backends.frameworks import registry
from backends.storage.paths import resources

CATALOGUE = read_converters(resources() / "rules" / "converters.toml")
CLOSED = read_closed(resources() / "rules" / "converters.toml")
SIZE = Size(parameters=1_000_000, weight_bytes=2_000_000)
FORMS = tuple(ModelFormat)
LANGUAGE, TENSOR = ModelKind.LANGUAGE, ModelKind.TENSOR
HF, GGUF, ONNX, OPENVINO = (
    ModelFormat.HUGGING_FACE,
    ModelFormat.GGUF,
    ModelFormat.ONNX,
    ModelFormat.OPENVINO,
)


def edge(takes: ModelFormat, makes: ModelFormat, start_s: float = 1.0, framework: str = "any") -> Converter:
    return Converter(
        f"{takes}-{makes}-{start_s}", "A converter", takes, makes, (LANGUAGE,), framework, start_s=start_s
    )


edges = st.lists(
    st.builds(edge, st.sampled_from(FORMS), st.sampled_from(FORMS), st.floats(0.5, 50.0)), max_size=12
)


def test_a_form_that_is_there_needs_no_step() -> None:
    road = plan([ONNX, HF], [ONNX], LANGUAGE, CATALOGUE, SIZE)
    assert (road.start, road.steps, road.time_s, road.disk_bytes) == (ONNX, (), 0.0, 0)


def test_hugging_face_reaches_every_framework_that_takes_language_models() -> None:
    for manifest in registry.manifests():
        if LANGUAGE in manifest.kinds:
            assert plan([HF], manifest.takes, LANGUAGE, CATALOGUE, SIZE).formats[-1] in manifest.takes


def test_openvino_is_reached_in_one_step_or_without_its_tool_through_onnx() -> None:
    road = plan([HF], [OPENVINO], LANGUAGE, CATALOGUE, SIZE)
    assert road.text == "Hugging Face → OpenVINO"
    assert road.disk_bytes == SIZE.parameters * 4  # FP32
    without = plan([HF], [OPENVINO], LANGUAGE, CATALOGUE, SIZE, {"optimum": 60.0})
    assert without.text == "Hugging Face → ONNX → OpenVINO"
    assert without.disk_bytes == 2 * SIZE.parameters * 4
    nothing = plan([HF], [OPENVINO], LANGUAGE, CATALOGUE, SIZE, {"optimum": 60.0, "olive": 60.0})
    assert nothing.text == "Hugging Face → OpenVINO"  # either is to be installed: the shorter one


@pytest.mark.parametrize("start", [GGUF, ModelFormat.MLX])
def test_every_framework_is_reached_from_gguf_and_mlx_too(start: ModelFormat) -> None:
    """Through the Hugging Face folder that they can be restored to."""
    for target in (OPENVINO, ONNX, GGUF, ModelFormat.MLX):
        road = plan([start], [target], LANGUAGE, CATALOGUE, SIZE)
        assert start is target or road.formats[1] is HF


def test_onnx_is_compiled_for_snapdragon() -> None:
    (step,) = plan([ONNX], [ModelFormat.QNN_CONTEXT], TENSOR, CATALOGUE, SIZE).steps
    assert (step.converter.framework, step.converter.options["target"]) == ("qnn", "sm8650")


def test_gguf_keeps_the_bits_of_the_source() -> None:
    assert plan([HF], [GGUF], LANGUAGE, CATALOGUE, SIZE).disk_bytes == SIZE.weight_bytes


def test_the_missing_edge_is_named() -> None:
    with pytest.raises(NoRoad) as caught:
        plan([ModelFormat.TFLITE], [GGUF], LANGUAGE, CATALOGUE, SIZE)
    assert "from TensorFlow Lite to GGUF, Hugging Face or MLX" in str(caught.value)
    with pytest.raises(NoRoad, match="tensor models leads from ONNX, OpenVINO or QNN context to GGUF"):
        plan([ONNX], [GGUF], TENSOR, CATALOGUE, SIZE)


@pytest.mark.parametrize(
    ("start", "target", "words"),
    [
        (OPENVINO, ONNX, "only OpenVINO runs them"),
        (ONNX, GGUF, "no longer says which architecture"),
        (ONNX, ModelFormat.QNN_CONTEXT, "Hexagon lacks operators"),
        (ModelFormat.TFLITE, ONNX, "only OpenVINO reads TensorFlow Lite"),
        (ModelFormat.QNN_CONTEXT, ONNX, "compiled for one chip"),
    ],
)
def test_a_missing_edge_is_explained(start: ModelFormat, target: ModelFormat, words: str) -> None:
    with pytest.raises(NoRoad, match=words):
        plan([start], [target], LANGUAGE, CATALOGUE, SIZE, closed=CLOSED)


def test_no_reason_is_given_against_a_road_that_there_is() -> None:
    for one in CLOSED:
        for target, kind in product(one.makes, one.kinds):
            with pytest.raises(NoRoad):
                plan([one.takes], [target], kind, CATALOGUE, SIZE)


def test_reasons_are_told_once_and_only_where_somebody_looks() -> None:
    there, elsewhere = (
        Closed(ONNX, (GGUF,), (LANGUAGE,), "Because."),
        Closed(ONNX, (OPENVINO,), (LANGUAGE,), "No."),
    )
    with pytest.raises(NoRoad) as caught:
        plan([ONNX], [GGUF], LANGUAGE, [], SIZE, closed=[there, there, elsewhere])
    assert caught.value.message == "No converter for language models leads from ONNX to GGUF. Because."


def test_of_two_roads_with_as_many_steps_the_quicker_is_taken() -> None:
    slow, quick = edge(HF, ONNX, 9.0, "slow"), edge(HF, ONNX, 2.0, "quick")
    assert plan([HF], [ONNX], LANGUAGE, [slow, quick], SIZE).steps[0].converter is quick
    waiting = {"quick": 60.0}  # its environment would have to be installed first
    assert plan([HF], [ONNX], LANGUAGE, [slow, quick], SIZE, waiting).steps[0].converter is slow


@settings(deadline=None)  # the machine may be busy
@given(edges, st.sets(st.sampled_from(FORMS), min_size=1), st.sampled_from(FORMS))
def test_a_road_is_connected_and_none_is_shorter(
    converters: list[Converter], forms: set[ModelFormat], target: ModelFormat
) -> None:
    shortest = _by_trying(converters, forms, target)
    try:
        road = plan(forms, [target], LANGUAGE, converters, SIZE)
    except NoRoad:
        assert shortest is None
        return
    steps = [step.converter for step in road.steps]
    assert road.start in forms
    assert road.formats[-1] == target
    assert all(one.makes == other.takes for one, other in pairwise(steps))
    assert shortest == len(steps)
    assert len(set(road.formats)) == len(road.formats)


def _by_trying(converters: list[Converter], forms: set[ModelFormat], target: ModelFormat) -> int | None:
    """The fewest steps, found by trying every order of formats."""
    direct = {(one.takes, one.makes) for one in converters}
    if target in forms:
        return 0
    for between in range(len(FORMS)):
        for stops in permutations(FORMS, between):
            for start in forms:
                way = (start, *stops, target)
                if all(pair in direct for pair in pairwise(way)):
                    return between + 1
    return None


def test_every_converter_belongs_to_a_framework_or_a_tool() -> None:
    for converter in CATALOGUE:
        manifest = registry.manifest(converter.framework)
        assert not converter.precision or manifest.precision(converter.precision) is not None
        if converter.precision:
            assert converter.takes in manifest.takes
            assert converter.makes in (manifest.makes, ModelFormat.QNN_CONTEXT)


def test_the_key_knows_files_converter_and_versions() -> None:
    one, other = CATALOGUE[:2]
    files, versions = {"model.safetensors": "ab", "config.json": "cd"}, {"torch": "2.13.0"}
    key = cache_key(files, one, versions)
    assert key == cache_key(dict(reversed(files.items())), one, versions)
    changed = [
        cache_key({**files, "config.json": "ce"}, one, versions),
        cache_key(files, other, versions),
        cache_key(files, one, {"torch": "2.14.0"}),
    ]
    assert cache_key(files, one, versions, {}) == key
    changed += [cache_key(files, one, versions, {"calibration": data}) for data in ("ef", "01")]
    assert len({key, *changed}) == 6
