"""Step 1, with made-up machines; nothing is measured here."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QWidget

from backends.actions.detect import Detected
from backends.domain.errors import JobFailed
from backends.domain.events import Progress, Sample
from backends.domain.hardware import AcceleratorKind, EnergyCounter, Fact, PowerSource, Throughput
from backends.frameworks import registry
from backends.frameworks.base import Availability
from backends.frameworks.environments import EnvironmentStatus, State
from gui.theme.tone import Tone
from gui.widgets.facts import FactRow
from gui.wizard.pages import hardware_devices, hardware_words
from gui.wizard.pages.hardware import HardwarePage
from gui.wizard.pages.hardware_frameworks import FrameworkRow, rows
from tests.gui.gates import Gate
from tests.unit.samples import available, gpu, machine

ANSWERS = available("llamacpp", "onnxruntime")


def make_page(qtbot, services, monkeypatch, detect) -> HardwarePage:
    monkeypatch.setattr(HardwarePage, "detect", staticmethod(detect))
    page = HardwarePage(services)
    qtbot.addWidget(page)
    page.resize(1000, 900)
    page.show()
    return page


def enter(qtbot, page: HardwarePage) -> None:
    page.on_enter()
    qtbot.waitUntil(lambda: page.state.busy or page.state.status != "")


def finished(qtbot, page: HardwarePage) -> None:
    qtbot.waitUntil(lambda: not page.state.busy and page.state.status != "")


def row(card_rows: tuple[FactRow, ...], name: str) -> FactRow:
    return next(found for found in card_rows if found.label == name)


def test_cards_fill_as_things_become_known(qtbot, services, monkeypatch) -> None:
    after_probes, measuring = Gate(), Gate()

    def detect(job, on_found):
        on_found(Detected(machine(measured=False), {}))
        job.emit(Progress(0.2, "Asking the frameworks"))
        after_probes.wait(job)
        on_found(Detected(machine(measured=False), ANSWERS))
        job.emit(Sample("machine", "read_bytes_per_s", 0.5, 42e9))
        measuring.wait(job)
        return Detected(machine(), ANSWERS)

    page = make_page(qtbot, services, monkeypatch, detect)
    enter(qtbot, page)
    qtbot.waitUntil(lambda: page.state.status == "Asking the frameworks")
    assert page.card("processor").figure.text == "4 cores, 8 threads"
    assert page.card("bandwidth").chip.text() == "comes next"
    assert {found.state for found in page.model.rows} == {"asking…"}
    after_probes.open()
    qtbot.waitUntil(lambda: page.card("bandwidth").figure.text == "42.0 GB/s so far")
    assert page.card("bandwidth").chip.text() == "measuring…"
    assert page.state.fraction == pytest.approx(0.8)
    assert not page.state.can_continue
    measuring.open()
    finished(qtbot, page)
    assert page.state.status.startswith("Detected in ")
    assert page.state.can_continue
    assert page.card("bandwidth").figure.text == "61.4 GB/s measured"
    assert services.store.state.hardware == machine()
    assert services.store.state.availability == ANSWERS


def test_it_looks_only_once_by_itself(qtbot, services, monkeypatch) -> None:
    calls: list[int] = []

    def detect(job, on_found):
        calls.append(1)
        return Detected(machine(), ANSWERS)

    page = make_page(qtbot, services, monkeypatch, detect)
    enter(qtbot, page)
    finished(qtbot, page)
    page.on_enter()
    assert len(calls) == 1
    page.start()
    finished(qtbot, page)
    assert len(calls) == 2


def test_a_measurement_that_fails_costs_only_itself(qtbot, services, monkeypatch) -> None:
    def detect(job, on_found):
        on_found(Detected(machine(measured=False), ANSWERS))
        raise JobFailed("The measurement failed.", "Try again.", "traceback")

    page = make_page(qtbot, services, monkeypatch, detect)
    enter(qtbot, page)
    finished(qtbot, page)
    assert page.banner.isVisible()
    assert page.banner.sentence.text() == "The measurement failed."
    assert page.state.can_continue
    assert page.card("bandwidth").chip.text() == "not measured"


def test_when_nothing_is_known_there_is_no_going_on(qtbot, services, monkeypatch) -> None:
    def detect(job, on_found):
        raise JobFailed("No.", "Start it again.")

    page = make_page(qtbot, services, monkeypatch, detect)
    enter(qtbot, page)
    finished(qtbot, page)
    assert page.banner.isVisible()
    assert not page.state.can_continue
    assert services.store.state.hardware is None


def test_looking_can_be_stopped(qtbot, services, monkeypatch) -> None:
    gate = Gate()
    page = make_page(qtbot, services, monkeypatch, lambda job, on_found: gate.wait(job))
    enter(qtbot, page)
    assert [action.text() for action in page.state.actions] == ["Stop"]
    page.stop()
    finished(qtbot, page)
    assert [action.text() for action in page.state.actions] == ["Detect again"]
    assert not page.banner.isVisible()


def test_bandwidth_is_measured_again_on_request(qtbot, services, monkeypatch) -> None:
    gate = Gate()
    faster = Throughput(80e9, 1e12, 4, 1.8, "2026-11-22T10:00:00+00:00")

    def measure(hardware, job):
        job.emit(Sample("machine", "read_bytes_per_s", 0.1, 70e9))
        gate.wait(job)
        return faster

    monkeypatch.setattr(HardwarePage, "measure", staticmethod(measure))
    page = make_page(qtbot, services, monkeypatch, lambda job, on_found: Detected(machine(), ANSWERS))
    enter(qtbot, page)
    finished(qtbot, page)
    page.card("bandwidth").facts.activated.emit("measure")
    qtbot.waitUntil(lambda: page.card("bandwidth").figure.text == "70.0 GB/s so far")
    gate.open()
    finished(qtbot, page)
    assert page.card("bandwidth").figure.text == "80.0 GB/s measured"
    assert services.store.state.hardware == replace(machine(), throughput=faster)
    assert services.store.state.availability == ANSWERS


def test_everything_has_a_name_and_a_source(qtbot, services, monkeypatch) -> None:
    page = make_page(qtbot, services, monkeypatch, lambda job, on_found: Detected(machine(), ANSWERS))
    enter(qtbot, page)
    finished(qtbot, page)
    for key in ("processor", "bandwidth", "memory", "graphics", "neural", "power"):
        card = page.card(key)
        assert card.accessibleName()
        assert card.figure.text not in ("", "…")
        assert all(found.source for found in card.facts.rows), key
    assert page.table.accessibleName()
    assert all(widget.width() <= page.width() for widget in page.findChildren(QWidget))


def test_what_is_not_told_says_so_and_why() -> None:
    unknown = hardware_words.told("Clock", Fact(None, "/sys", "The kernel does not tell."))
    assert (unknown.value, unknown.note, unknown.source) == ("", "not told", "The kernel does not tell.")
    silent = hardware_words.memory(machine(free_bytes=None))
    assert (silent.value, silent.chip) == ("–", "not readable")


def test_graphics_name_what_can_use_them() -> None:
    none = hardware_devices.graphics(machine())
    assert (none.value, none.chip) == ("None", "none found")
    found = hardware_devices.graphics(machine(accelerators=(gpu("NVIDIA"), gpu("Intel"))))
    assert (found.value, found.unit) == ("Dedicated", "2 devices")
    npu = replace(gpu("Intel"), kind=AcceleratorKind.NPU, shared_memory=True)
    assert hardware_devices.neural(machine(accelerators=(npu,))).value == "Present"


@pytest.mark.parametrize(
    ("source", "profile", "throttling", "chip", "tone"),
    [
        (PowerSource.MAINS, "performance", False, "ready", Tone.OK),
        (PowerSource.MAINS, "balanced", False, "balanced mode", Tone.WARN),
        (PowerSource.BATTERY, "balanced", False, "on battery", Tone.WARN),
        (PowerSource.MAINS, "performance", True, "throttling", Tone.BAD),
        (None, None, None, "not readable", Tone.NEUTRAL),
    ],
)
def test_power_in_words(source, profile, throttling, chip: str, tone: Tone) -> None:
    before = machine()
    power = replace(
        before.power,
        source=Fact(source, "test"),
        profile=Fact(profile, "test"),
        throttling=Fact(throttling, "test"),
        energy_counters=Fact((EnergyCounter("package-0", True, "rapl"),), "rapl"),
    )
    content = hardware_devices.power(replace(before, power=power))
    assert (content.chip, content.tone) == (chip, tone)
    assert row(content.rows, "Energy counter").value == "readable, package-0"


def framework_row(name: str, answer: Availability | None, status: EnvironmentStatus) -> FrameworkRow:
    manifest = registry.manifest(name)
    answers = {name: answer} if answer else {}
    return rows([manifest], answers, {name: status}, None)[0]


def test_each_state_of_a_framework_is_put_into_words() -> None:
    base = EnvironmentStatus("", State.BASE)
    absent = EnvironmentStatus("olive", State.ABSENT, disk_bytes=1_800_000_000)
    broken = EnvironmentStatus("olive", State.BROKEN, "in need of repair")
    remedy = "Run “edgewright frameworks install olive”."
    no = Availability("olive", False, reason="not installed", remedy=remedy)
    assert framework_row("llamacpp", None, base).state == "asking…"
    assert framework_row("llamacpp", available("llamacpp")["llamacpp"], base).state == "ready"
    assert framework_row("qnn", available("qnn")["qnn"], base).state == "check only"
    missing = framework_row("olive", no, absent)
    assert (missing.state, missing.link, missing.note) == ("not installed", "Install", "1.80\u00a0GB")
    assert missing.tip.endswith("Install it on the page “Frameworks”.")
    assert framework_row("olive", no, broken).link == "Repair"
    assert (
        framework_row("llamacpp", Availability("llamacpp", False, reason="It broke."), base).note
        == "It broke."
    )


def test_a_framework_for_another_system_says_so(monkeypatch) -> None:
    monkeypatch.setattr("gui.wizard.pages.hardware_frameworks.sys.platform", "win32")
    answer = Availability("mlx", False, reason="not made for this system", remedy="It runs on macos.")
    found = framework_row("mlx", answer, EnvironmentStatus("mlx", State.ABSENT))
    assert (found.state, found.note, found.link) == ("not for this system", "It runs on macos.", "")


def test_a_link_leads_to_the_frameworks(qtbot, services, monkeypatch) -> None:
    answers = {**ANSWERS, "olive": Availability("olive", False, reason="not installed", remedy="Install it.")}
    page = make_page(qtbot, services, monkeypatch, lambda job, on_found: Detected(machine(), answers))
    enter(qtbot, page)
    finished(qtbot, page)
    with qtbot.waitSignal(page.navigate, check_params_cb=lambda key: key == "frameworks"):
        page.table.link_activated.emit(0, "frameworks")
