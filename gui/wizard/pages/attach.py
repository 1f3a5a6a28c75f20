"""Which pages there are. A page's module is imported when the page is first visited."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from gui.wizard.page import Page
from gui.wizard.shell import Shell

if TYPE_CHECKING:
    from gui.app import Services


@dataclass(frozen=True)
class PageSpec:
    """``target`` is ``module:class``; the class is called with the services. ``title`` is for the rail."""

    key: str
    title: object  # a string marked for translation
    target: str
    foot: bool = False


PAGES = "gui.wizard.pages"
STEPS: tuple[PageSpec, ...] = (
    PageSpec("hardware", QT_TRANSLATE_NOOP("Pages", "Hardware"), f"{PAGES}.hardware:HardwarePage"),
    PageSpec("model", QT_TRANSLATE_NOOP("Pages", "Model"), f"{PAGES}.model:ModelPage"),
    PageSpec(
        "recommendation",
        QT_TRANSLATE_NOOP("Pages", "Recommendation"),
        f"{PAGES}.recommendation:RecommendationPage",
    ),
    PageSpec("optimize", QT_TRANSLATE_NOOP("Pages", "Optimize"), f"{PAGES}.optimize:OptimizePage"),
    PageSpec("benchmark", QT_TRANSLATE_NOOP("Pages", "Benchmark"), f"{PAGES}.benchmark:BenchmarkPage"),
    PageSpec("result", QT_TRANSLATE_NOOP("Pages", "Result"), f"{PAGES}.result:ResultPage"),
)
PLACES: tuple[PageSpec, ...] = (
    PageSpec("stages", QT_TRANSLATE_NOOP("Pages", "In stages"), f"{PAGES}.optimization:OptimizationPage"),
    PageSpec("modes", QT_TRANSLATE_NOOP("Pages", "Sweeps"), f"{PAGES}.modes:ModesPage"),
    PageSpec("data", QT_TRANSLATE_NOOP("Pages", "Data"), f"{PAGES}.data:DataPage"),
    PageSpec("history", QT_TRANSLATE_NOOP("Pages", "History"), f"{PAGES}.history:HistoryPage"),
    PageSpec("finetune", QT_TRANSLATE_NOOP("Pages", "Fine-tune"), f"{PAGES}.finetune:FinetunePage"),
    PageSpec("frameworks", QT_TRANSLATE_NOOP("Pages", "Frameworks"), f"{PAGES}.frameworks:FrameworksPage"),
    PageSpec("settings", QT_TRANSLATE_NOOP("Pages", "Settings"), f"{PAGES}.settings:SettingsPage", foot=True),
)


def attach_pages(services: Services) -> Shell:
    """The shell with all steps and places, opened at the first step."""
    shell = Shell(services.store)
    services.store.changed.connect(shell.refresh)
    for spec in STEPS:
        shell.add_step(spec.key, _title(spec), _factory(spec, services))
    for spec in PLACES:
        shell.add_place(spec.key, _title(spec), _factory(spec, services), foot=spec.foot)
    if STEPS:
        shell.go_to(STEPS[0].key)
    return shell


def _title(spec: PageSpec) -> str:
    return QCoreApplication.translate("Pages", str(spec.title))


def _factory(spec: PageSpec, services: Services) -> Callable[[], Page]:
    def make() -> Page:
        module, name = spec.target.split(":")
        page = getattr(import_module(module), name)(services)
        assert isinstance(page, Page)
        return page

    return make
