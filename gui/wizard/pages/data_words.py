"""A preview in words: facts, problems and what the items at hand can decide."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from backends.quality.planning import SamplePlan
from backends.quality.preview import DataForm, DataPreview
from gui.widgets import units
from gui.widgets.facts import FactRow

MOST = 6  # classes or shapes that are named

_FORMS: dict[DataForm, object] = {
    DataForm.TEXT: QT_TRANSLATE_NOOP("Data", "text"),
    DataForm.TEXTS: QT_TRANSLATE_NOOP("Data", "JSON Lines with texts"),
    DataForm.TASKS: QT_TRANSLATE_NOOP("Data", "JSON Lines with questions"),
    DataForm.FOLDER: QT_TRANSLATE_NOOP("Data", "folder of images"),
    DataForm.NPZ: QT_TRANSLATE_NOOP("Data", "arrays (.npz)"),
    DataForm.IDX: QT_TRANSLATE_NOOP("Data", "IDX"),
}


def say(text: object) -> str:
    return QCoreApplication.translate("Data", str(text))


def facts(found: DataPreview) -> list[FactRow]:
    rows = [FactRow(say(QT_TRANSLATE_NOOP("Data", "File")), found.path.name, str(found.path))]
    rows.append(FactRow(say(QT_TRANSLATE_NOOP("Data", "Form")), say(_FORMS[found.form])))
    if found.form is not DataForm.TEXT:
        rows.append(FactRow(say(QT_TRANSLATE_NOOP("Data", "Samples")), f"{found.items:,}"))
    if found.characters:
        rows.append(FactRow(say(QT_TRANSLATE_NOOP("Data", "Characters")), f"{found.characters:,}"))
    if found.classes:
        named = [f"{one.name} {one.items:,}" for one in found.classes]
        count = say(QT_TRANSLATE_NOOP("Data", "{0}: {1}")).format(len(found.classes), _some(named))
        rows.append(FactRow(say(QT_TRANSLATE_NOOP("Data", "Classes")), count, ", ".join(named)))
    if found.shapes:
        shapes = ["×".join(map(str, one.shape)) for one in found.shapes]
        looked = say(QT_TRANSLATE_NOOP("Data", "of {0} that were looked at")).format(f"{found.looked_at:,}")
        note = looked if found.looked_at < found.items else ""
        rows.append(FactRow(say(QT_TRANSLATE_NOOP("Data", "Shape")), _some(shapes), note=note))
    return rows


def plan_sentence(plan: SamplePlan) -> str:
    """What so many items decide of the accuracy gate."""
    gate = units.percent(plan.threshold)
    if plan.passes_from is None and plan.fails_below is None:
        text = say(QT_TRANSLATE_NOOP("Data", "{0} items hardly decide the gate “{1} of the accuracy kept”."))
        return text.format(f"{plan.items:,}", gate)
    parts = [
        say(QT_TRANSLATE_NOOP("Data", "With {0} items the gate “{1} of the accuracy kept”")).format(
            f"{plan.items:,}", gate
        )
    ]
    if plan.passes_from is not None:
        passes = say(QT_TRANSLATE_NOOP("Data", "passes a model that keeps {0} or more"))
        parts.append(passes.format(units.percent(plan.passes_from, 1)))
    if plan.fails_below is not None:
        fails = say(QT_TRANSLATE_NOOP("Data", "fails one that keeps {0} or less"))
        both = say(QT_TRANSLATE_NOOP("Data", "and")) if plan.passes_from is not None else ""
        parts += [both, fails.format(units.percent(plan.fails_below, 1))]
    between = say(QT_TRANSLATE_NOOP("Data", "; between, it stays inconclusive."))
    return " ".join(filter(None, parts)) + between


def plan_rows(plan: SamplePlan) -> list[FactRow]:
    """How many items decide, by how much a model keeps."""
    none = say(QT_TRANSLATE_NOOP("Data", "no number of them"))
    keeps = say(QT_TRANSLATE_NOOP("Data", "Keeps {0}"))
    items = say(QT_TRANSLATE_NOOP("Data", "{0} items decide"))
    return [
        FactRow(keeps.format(units.percent(one.kept)), items.format(f"{one.items:,}") if one.items else none)
        for one in plan.needs
    ]


def plan_assumed(plan: SamplePlan) -> str:
    text = say(
        QT_TRANSLATE_NOOP(
            "Data",
            "Assumed, for nothing is measured yet: the original is right in {0},"
            " and the two differ on {1} of the items.",
        )
    )
    return text.format(units.percent(plan.original_accuracy), units.percent(plan.differing))


def _some(names: list[str]) -> str:
    return ", ".join(names[:MOST]) + (", …" if len(names) > MOST else "")
