"""How closely each configuration follows the original: on text, on tasks, and in what it puts out."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication
from PySide6.QtWidgets import QWidget

from backends.domain.metric import Interval
from backends.domain.result import ConfigurationResult, LanguageFidelity
from gui.models.cells import Cell, figure
from gui.widgets import units
from gui.wizard.pages.comparison_card import ComparisonCard, Spec, present_columns
from gui.wizard.pages.measured_words import NOT_MEASURED, percent_spread, say


class QualityCard(ComparisonCard):
    """A run has the columns of what was measured in it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        note = QCoreApplication.translate(
            "QualityCard",
            "Text: the same tokens through every engine. Tasks: the same questions. Nothing here ranks;"
            " the gates say what is enough.",
        )
        title = QCoreApplication.translate("QualityCard", "Quality against the original")
        super().__init__(title, note, lambda results: present_columns(results, _columns()), parent)


def _columns() -> tuple[Spec, ...]:
    return (
        (say(QT_TRANSLATE_NOOP("Measured", "Perplexity")), _perplexity, "perplexity"),
        (say(QT_TRANSLATE_NOOP("Measured", "To original")), _perplexity_ratio, "perplexity"),
        (say(QT_TRANSLATE_NOOP("Measured", "KL divergence")), _divergence, "kl divergence"),
        (say(QT_TRANSLATE_NOOP("Measured", "Top-1")), _top1, "top-1 agreement"),
        (say(QT_TRANSLATE_NOOP("Measured", "Text flips")), _text_flips, "text flips"),
        (say(QT_TRANSLATE_NOOP("Measured", "Accuracy kept")), _kept, "accuracy"),
        (say(QT_TRANSLATE_NOOP("Measured", "Answer flips")), _answer_flips, "answer flips"),
        (say(QT_TRANSLATE_NOOP("Measured", "Similar output")), _similarity, "output similarity"),
    )


def _perplexity(result: ConfigurationResult) -> Cell | None:
    found = result.fidelity
    if found is None:
        return None
    own = found.perplexity
    return figure(units.number(own.estimate), units.spread(own), _tokens(found), bold=False)


def _perplexity_ratio(result: ConfigurationResult) -> Cell | None:
    """To the original's; three decimals, as 1.05 is already the limit of the gate."""
    found = result.fidelity
    if found is None or found.perplexity_ratio is None:
        return None
    ratio = found.perplexity_ratio
    return figure(f"{ratio.estimate:.3f}×", f"{ratio.low:.3f}{units.DASH}{ratio.high:.3f}", _tokens(found))


def _divergence(result: ConfigurationResult) -> Cell | None:
    """The mean, with the 99th percentile below."""
    found = result.fidelity
    if found is None or found.kl_mean is None:
        return None
    mean = found.kl_mean
    second = f"p99 {units.number(found.kl_p99)}" if found.kl_p99 is not None else ""
    nats = say(QT_TRANSLATE_NOOP("Measured", "{0} nats a token ({1})"))
    tip = nats.format(units.number(mean.estimate), units.spread(mean))
    return figure(units.number(mean.estimate), second, "\n".join((tip, _tokens(found))))


def _top1(result: ConfigurationResult) -> Cell | None:
    found = result.fidelity
    if found is None or found.top1_agreement is None:
        return None
    return _share(found.top1_agreement, _tokens(found))


def _text_flips(result: ConfigurationResult) -> Cell | None:
    found = result.fidelity
    if found is None or found.flipped is None:
        return None
    return figure(units.percent(found.flipped, 1), tip=_tokens(found))


def _kept(result: ConfigurationResult) -> Cell | None:
    """Accuracy as a share of the original's; agreement where there are no labels is another figure."""
    score = result.quality
    if score is None or score.kind != "accuracy" or score.ratio_to_original is None:
        return None
    line = say(QT_TRANSLATE_NOOP("Measured", "{0} of {1} items right, the original {2}"))
    original = NOT_MEASURED if score.original_correct is None else f"{score.original_correct:,}"
    return _share(score.ratio_to_original, line.format(f"{score.correct:,}", f"{score.items:,}", original))


def _answer_flips(result: ConfigurationResult) -> Cell | None:
    """With the test of whether both are right equally often below."""
    score = result.quality
    if score is None or score.flipped is None:
        return None
    p = score.mcnemar_p
    if p is None:
        return figure(units.percent(score.flipped, 1))
    test = say(QT_TRANSLATE_NOOP("Measured", "McNemar's test: right equally often with p = {0}"))
    return figure(units.percent(score.flipped, 1), f"p {p:.2g}", test.format(f"{p:.3g}"))


def _similarity(result: ConfigurationResult) -> Cell | None:
    found = result.output_fidelity
    if found is None:
        return None
    least = say(QT_TRANSLATE_NOOP("Measured", "least {0}")).format(f"{found.cosine_min:.4f}")
    error = say(QT_TRANSLATE_NOOP("Measured", "Largest difference {0}, over {1} samples"))
    tip = error.format(units.number(found.max_abs_error), f"{found.samples:,}")
    return figure(f"{found.cosine.estimate:.4f}", least, tip)


def _tokens(found: LanguageFidelity) -> str:
    return say(QT_TRANSLATE_NOOP("Measured", "Over {0} tokens of text")).format(f"{found.tokens:,}")


def _share(value: Interval, tip: str) -> Cell:
    return figure(units.percent(value.estimate, 1), percent_spread(value), tip)
