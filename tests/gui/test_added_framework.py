"""Adding a framework takes one folder: the wizard shows it, ranks it and would make it."""

from __future__ import annotations

from backends.actions.detect import Detected
from backends.actions.recommend import recommend_for
from backends.frameworks import registry
from gui.wizard.pages.hardware import HardwarePage
from tests.unit.samples import available, machine, source


def test_the_hardware_page_lists_it(qtbot, services, monkeypatch, faulty_framework: str) -> None:
    answers = available(faulty_framework, "llamacpp")
    monkeypatch.setattr(
        HardwarePage, "detect", staticmethod(lambda job, on_found: Detected(machine(), answers))
    )
    page = HardwarePage(services)
    qtbot.addWidget(page)
    page.on_enter()
    qtbot.waitUntil(lambda: not page.state.busy and page.state.can_continue)
    listed = {row.title: row.state for row in page.model.rows}
    assert listed[registry.manifest(faulty_framework).title] == "ready"


def test_the_recommendation_ranks_it(faulty_framework: str) -> None:
    ranking = recommend_for(source(), machine(), available(faulty_framework, "llamacpp"))
    assert faulty_framework in {candidate.framework for candidate in ranking.candidates}
