"""What pages say of a model: kind, format, size, and what is really inside its files."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QCoreApplication

from backends.domain.model import (
    ModelKind,
    ModelProfile,
    SourceModel,
    TensorContents,
    TensorSpec,
)
from gui.widgets import units
from gui.widgets.facts import FactRow
from gui.widgets.terms import explain
from gui.wizard.pages.hardware_words import parameters

translate = QCoreApplication.translate
DOT = " · "
MOST_TENSORS = 4  # inputs or outputs named one by one


def kind(value: ModelKind) -> str:
    return {
        ModelKind.LANGUAGE: translate("Model", "language model"),
        ModelKind.VISION: translate("Model", "image model"),
        ModelKind.TENSOR: translate("Model", "tensor model"),
    }[value]


def tensor_types(contents: TensorContents) -> str:
    """ "31 × Q4_K · 11 × F32": the type of most tensors first."""
    ordered = sorted(contents.tensor_types.items(), key=lambda item: -item[1])
    return DOT.join(f"{count}{units.NBSP}×{units.NBSP}{name}" for name, count in ordered)


def inside(contents: TensorContents) -> tuple[FactRow, FactRow]:
    """The two rows that say what a file really holds; everywhere the same."""
    source = translate("Model", "Counted in the file, tensor by tensor.")
    return (
        FactRow(translate("Model", "Tensors"), tensor_types(contents), source, term=explain("tensor types")),
        FactRow(
            translate("Model", "Bits per weight"),
            units.number(contents.bits_per_weight),
            source,
            term=explain("bits per weight"),
        ),
    )


def facts(source: SourceModel) -> tuple[FactRow, ...]:
    """Everything the assessment knows and a person wants to; what its kind does not have is left out."""
    profile = source.profile
    read = translate("Model", "Read from {0}.").format(profile.path)
    forms = DOT.join(form.label for form in source.forms)
    rows = [
        FactRow(translate("Model", "Format"), forms, read),
        FactRow(translate("Model", "Architecture"), profile.architecture, read),
        FactRow(translate("Model", "Size"), units.size(profile.size_bytes), read),
        FactRow(translate("Model", "Precision"), profile.precision, read, term=explain("precision")),
        *inside(profile.contents),
        *(_language(profile, read) if profile.kind == ModelKind.LANGUAGE else _tensors(profile, read)),
        *_operators(profile, read),
        _licence(profile, read),
        *_data(source),
        _place(source),
    ]
    return tuple(rows)


def _place(source: SourceModel) -> FactRow:
    path = str(source.profile.path)
    if source.bundled:
        return FactRow(translate("Model", "Place"), translate("Model", "comes with Edgewright"), path)
    return FactRow(translate("Model", "Place"), "", path, note=path)


def _language(profile: ModelProfile, read: str) -> Iterable[FactRow]:
    context = profile.context_length
    text = translate("Model", "{0} tokens").format(f"{context:,}") if context else ""
    yield _known(translate("Model", "Context"), text, read, explain("context"))
    shape = [
        (translate("Model", "{0} layers"), profile.layers),
        (translate("Model", "width {0}"), profile.hidden_size),
        (translate("Model", "{0} heads"), profile.heads),
        (translate("Model", "{0} experts"), profile.experts),
    ]
    yield _known(translate("Model", "Shape"), DOT.join(name.format(n) for name, n in shape if n), read)
    vocabulary = (
        translate("Model", "{0} pieces").format(f"{profile.vocabulary:,}") if profile.vocabulary else ""
    )
    words = DOT.join(filter(None, (profile.tokenizer, vocabulary)))
    yield _known(translate("Model", "Tokenizer"), words, read, explain("token"))


def _tensors(profile: ModelProfile, read: str) -> Iterable[FactRow]:
    yield _known(translate("Model", "Inputs"), _specs(profile.inputs), read)
    yield _known(translate("Model", "Outputs"), _specs(profile.outputs), read)
    if profile.opset:
        yield FactRow(translate("Model", "Operator set"), str(profile.opset), read)


def _specs(specs: tuple[TensorSpec, ...]) -> str:
    named = [f"{s.name}: {s.dtype} [{', '.join(map(str, s.shape))}]" for s in specs[:MOST_TENSORS]]
    more = len(specs) - MOST_TENSORS
    return DOT.join([*named, *([translate("Model", "{0} more").format(more)] if more > 0 else [])])


def _operators(profile: ModelProfile, read: str) -> Iterable[FactRow]:
    if profile.quantized_operators:
        counted = DOT.join(f"{name} {count}" for name, count in profile.quantized_operators.items())
        yield FactRow(translate("Model", "Quantized operators"), counted, read)


def _licence(profile: ModelProfile, read: str) -> FactRow:
    return _known(translate("Model", "Licence"), profile.licence, read)


def _data(source: SourceModel) -> Iterable[FactRow]:
    """What the model can be judged and calibrated with."""
    named = [
        (translate("Model", "tasks"), source.tasks),
        (translate("Model", "text"), source.evaluation),
        (translate("Model", "calibration"), source.calibration),
    ]
    there = [f"{what} ({path.name})" for what, path in named if path is not None]
    if source.profile.kind == ModelKind.LANGUAGE:
        none = translate("Model", "none came with it: the text that is part of Edgewright is used")
    else:
        none = translate("Model", "none came with it: outputs are compared on random inputs")
    term = explain("calibration")
    name = translate("Model", "Data")
    yield FactRow(name, DOT.join(there), term=term) if there else FactRow(name, "", note=none, term=term)


def _known(name: str, value: str, source: str, term: str = "") -> FactRow:
    if value:
        return FactRow(name, value, source, term=term)
    return FactRow(name, "", source, note=translate("Model", "not told"), term=term)


def headline(profile: ModelProfile) -> tuple[str, str]:
    """The figure of a model and its unit: "381 k", "parameters"."""
    return parameters(profile.contents.parameters), translate("Model", "parameters")
