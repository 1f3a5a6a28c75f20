"""Cards by topic: a row of tabs, and below it the cards of the chosen one in a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QSizePolicy, QTabBar, QVBoxLayout, QWidget

from gui.widgets.flow import GAP, CardGrid

GROWTH = 1.0  # of the rows, into height that is left over: charts are the better for it


class TopicTabs(QTabBar):
    """Left and Right choose; a topic is known by its key."""

    topic_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.currentChanged.connect(lambda index: self.topic_chosen.emit(str(self.tabData(index))))

    def set_topics(self, titles: Mapping[str, str]) -> None:
        """Key → what stands on the tab; the tab that was chosen stays so where it is still there."""
        chosen = self.topic
        self.blockSignals(True)
        while self.count():
            self.removeTab(0)
        for key, title in titles.items():
            self.setTabData(self.addTab(title), key)
        self.blockSignals(False)
        if titles:
            self.choose(chosen if chosen in titles else next(iter(titles)))

    @property
    def topic(self) -> str:
        return str(self.tabData(self.currentIndex())) if self.count() else ""

    @property
    def topics(self) -> tuple[str, ...]:
        """The keys that there is a tab for."""
        return tuple(str(self.tabData(index)) for index in range(self.count()))

    def choose(self, key: str) -> None:
        index = self.topics.index(key)
        if index == self.currentIndex():
            self.topic_chosen.emit(key)
        self.setCurrentIndex(index)


class Topics(QWidget):
    """A card may belong to several topics; only those of the chosen one are shown, and drawn."""

    def __init__(self, *, min_width: int, weights: Sequence[float], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: dict[str, tuple[QWidget, ...]] = {}
        self.tabs = TopicTabs()
        self.tabs.topic_chosen.connect(self._show)
        self.grid = CardGrid(min_width=min_width, weights=weights, grow=GROWTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP - 4)
        column.addWidget(self.tabs)
        column.addLayout(self.grid, 1)
        self.tabs.hide()

    def set_topics(self, titles: Mapping[str, str], cards: Mapping[str, Sequence[QWidget]]) -> None:
        """``cards`` by topic, in the order in which the grid places them; those of before are deleted."""
        self._put(self._all())
        self.grid.clear()
        self._cards = {key: tuple(group) for key, group in cards.items()}
        for card in self._all():
            card.setParent(self)
        self.tabs.set_topics(titles)
        self.tabs.setVisible(len(titles) > 1)

    def add_card(self, topic: str, card: QWidget, before: QWidget) -> None:
        """One that comes later."""
        group = self._cards[topic]
        place = group.index(before)
        self._cards[topic] = (*group[:place], card, *group[place:])
        card.setParent(self)
        self._show(self.tabs.topic)

    @property
    def topics(self) -> tuple[str, ...]:
        """Those that can be chosen; some have cards and no tab, where they do not concern the model."""
        return self.tabs.topics

    def choose(self, topic: str) -> None:
        self.tabs.choose(topic)

    def _all(self) -> tuple[QWidget, ...]:
        return tuple(dict.fromkeys(card for group in self._cards.values() for card in group))

    def _show(self, topic: str) -> None:
        wanted = self._cards.get(topic, ())
        for card in self._all():
            card.setVisible(card in wanted)
        self._put(wanted)

    def _put(self, cards: Sequence[QWidget]) -> None:
        while self.grid.takeAt(0) is not None:
            pass
        for card in cards:
            self.grid.addWidget(card)
