"""The first samples of a user's data: pictures with labels, questions with their answer, or excerpts."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from backends.quality.preview import DataPreview, Excerpt, Sample, as_the_model_gets_it, picture
from backends.quality.tasks import Question
from gui.models.cells import TextCell
from gui.models.table import Column, TableModel
from gui.widgets.card import Card
from gui.widgets.table import Table
from gui.widgets.text import Role, label
from gui.widgets.thumbnails import Thumbnail, Thumbnails

RIGHT = "✓ "


class SamplesCard(Card):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.set_title(self.tr("First samples"))
        self.pictures = Thumbnails()
        self.questions: TableModel[Question] = TableModel(
            [Column(self.tr("Question"), self._question, stretch=True)]
        )
        self.excerpts: TableModel[Excerpt] = TableModel(
            [
                Column(self.tr("Text"), self._excerpt, stretch=True),
                Column(self.tr("Tokens"), self._tokens, right=True),
            ]
        )
        self.question_table, self.excerpt_table = Table(self.questions), Table(self.excerpts)
        self.note = label("", Role.NOTE, wrap=True)
        for widget in (self.pictures, self.question_table, self.excerpt_table, self.note):
            self.add(widget)
        self.end()

    def show_preview(self, found: DataPreview) -> None:
        self.questions.set_rows(found.questions[:6])
        self.excerpts.set_rows(found.excerpts[:6])
        self.question_table.setVisible(bool(found.questions))
        self.excerpt_table.setVisible(bool(found.excerpts))
        self.pictures.setVisible(bool(found.samples))
        self.pictures.set_thumbnails([self._thumbnail(sample, found) for sample in found.samples])
        self.note.setText(self._note(found))
        self.note.setVisible(bool(self.note.text()))

    def _thumbnail(self, sample: Sample, found: DataPreview) -> Thumbnail:
        raw, tip = picture(sample.array), f"{sample.name} · {'×'.join(map(str, sample.array.shape))}"
        if found.preprocessing is None or found.ready or found.preprocessing.problem:
            return Thumbnail(sample.label or sample.name, tip, raw)
        prepared, low, high = as_the_model_gets_it(found.preprocessing, sample.array)
        values = self.tr("values {0} to {1}").format(f"{low:.3g}", f"{high:.3g}")
        return Thumbnail(sample.label or sample.name, f"{tip} · {values}", raw, prepared)

    def _note(self, found: DataPreview) -> str:
        if not found.samples:
            return ""
        if found.ready:
            return self.tr("Arrays that are ready for the model; shown from their lowest to highest value.")
        if found.preprocessing is None:
            return ""
        return self.tr(
            "Above: as in the file. Below: as the model gets it, lowest value black, highest white."
        )

    def _question(self, question: Question) -> TextCell:
        """The gold answer is marked by more than its place."""
        answers = [
            f"{RIGHT if index == question.gold else ''}{choice}"
            for index, choice in enumerate(question.choices)
        ]
        return TextCell(question.query or self.tr("(no query)"), second=" · ".join(answers))

    def _excerpt(self, excerpt: Excerpt) -> TextCell:
        text = " ".join(excerpt.text.split())
        return TextCell(text[:90] + ("…" if len(text) > 90 else ""), tip=excerpt.text)

    def _tokens(self, excerpt: Excerpt) -> TextCell:
        if excerpt.tokens is None:
            return TextCell("–", muted=True, tip=self.tr("The model's tokenizer was not asked."))
        return TextCell(f"{excerpt.tokens:,}")
