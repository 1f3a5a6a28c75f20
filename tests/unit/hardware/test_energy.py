"""Energy counters of other systems, on recorded values and on bytes put together as documented."""

from __future__ import annotations

import json
import struct
import sys
from types import SimpleNamespace

import pytest

from backends.domain.hardware import EnergyCounter, Fact
from backends.hardware import emi, energy_counters, native_energy
from backends.hardware.detect import detect
from backends.hardware.energy import EnergyReader, battery_joules
from backends.hardware.system import Platform, RealSystem
from tests.unit.hardware.recorded import RecordedSystem, load
from tests.unit.hardware.test_conditions import Clock

NOTHING: Fact[tuple[EnergyCounter, ...]] = Fact(None, "x", "There is no counter.")
BATTERY = "/sys/class/power_supply/BAT0"


def wide(text: str, characters: int) -> bytes:
    return text.encode("utf-16-le").ljust(2 * characters, b"\0")


def emi_metadata(*names: str) -> bytes:
    """EMI_METADATA_V2 as emi.h lays it out: maker, model, revision, channels of unit, name size and name."""
    head = wide("Intel", 16) + wide("RAPL", 16) + struct.pack("<HH", 1, len(names))
    channels = b"".join(
        struct.pack("<IH", 0, 2 * len(name) + 2) + wide(name, len(name) + 1) for name in names
    )
    return head + channels


def test_emi_channels_and_their_joules() -> None:
    names = ("RAPL_Package0_PKG", "RAPL_Package0_DRAM")
    assert emi.channels(2, emi_metadata(*names)) == names
    measurement = struct.pack("<QQQQ", 10**12, 5, 2 * 10**12, 5)  # pWh and 100 ns
    assert emi.joules(measurement) == pytest.approx((3600.0, 7200.0))


def test_emi_version_one_has_one_channel() -> None:
    name = wide("CPU rail", 9)
    head = struct.pack("<I", 0) + wide("Acme", 16) + wide("Meter", 16) + struct.pack("<HH", 1, len(name))
    assert emi.channels(1, head + name) == ("CPU rail",)


@pytest.mark.parametrize("cut", [0, 30, 66, 68, 70, 80])
def test_emi_that_is_cut_off_ends_the_list(cut: int) -> None:
    assert len(emi.channels(2, emi_metadata("A", "B")[:cut])) <= 2
    assert emi.joules(b"\0" * 15) == ()


def test_emi_control_codes() -> None:
    assert [hex(code) for code in (emi.GET_VERSION, emi.GET_MEASUREMENT)] == ["0x224000", "0x22400c"]


@pytest.mark.skipif(sys.platform == "win32", reason="there it answers")
def test_emi_elsewhere_is_no_answer() -> None:
    assert not RealSystem().native(energy_counters.METERS).ok


def recorded(family: str, **joules: float) -> RecordedSystem:
    answers = {f"native {energy_counters.METERS}": json.dumps(joules)}
    return RecordedSystem(Platform(family, "arm64", "1"), answers)


def used(reader: EnergyReader) -> dict[str, float]:
    return {use.domain: use.joules for use in reader.used().value or ()}


@pytest.mark.parametrize(("family", "source"), [("windows", "Energy Meter Interface"), ("macos", "IOReport")])
def test_meters_told_by_a_call(family: str, source: str) -> None:
    system, clock = recorded(family, package=100.0, dram=7.0), Clock()
    reader = EnergyReader(system, NOTHING, clock)
    reader.start()
    clock.now_s += 10
    system.answers.update(recorded(family, package=250.0, dram=8.5).answers)
    (package, dram) = reader.used().value or ()
    assert (package.domain, package.joules, package.average_watts) == ("package", 150.0, 15.0)
    assert dram.joules == 1.5
    assert package.source == source


def test_a_meter_that_goes_away_is_left_out() -> None:
    system = recorded("windows", package=100.0, dram=7.0)
    reader = EnergyReader(system, NOTHING)
    reader.start()
    system.answers.update(recorded("windows", package=101.0).answers)
    assert used(reader) == {"package": 1.0}


def test_windows_meters_that_answer_are_readable() -> None:
    system = load("windows-nvidia")
    system.answers.update(recorded("windows", RAPL_Package0_PKG=5.0).answers)
    counters = detect(system).power.energy_counters.value or ()
    assert [(one.domain, one.readable) for one in counters] == [("RAPL_Package0_PKG", True)]


def test_apple_silicon_names_what_would_read_its_counters() -> None:
    system = load("apple-m3-pro")
    (counter,) = detect(system).power.energy_counters.value or ()
    assert not counter.readable and "zeus-apple-silicon" in counter.remedy
    system.answers.update(recorded("macos", cpu=5.0, gpu=1.0).answers)
    readable = detect(system).power.energy_counters.value or ()
    assert [(one.domain, one.readable) for one in readable] == [("cpu", True), ("gpu", True)]


def test_apple_metrics_are_millijoules_and_parts_are_left_out() -> None:
    metrics = SimpleNamespace(cpu_total_mj=1500, gpu_mj=20, dram_mj=None, ane_mj=0, efficiency_cores_mj=[1])
    assert native_energy.apple_joules(metrics) == {"cpu": 1.5, "gpu": 0.02, "ane": 0.0}


def laptop(**files: str) -> RecordedSystem:
    answers = {f"{BATTERY}/type": "Battery", **{f"{BATTERY}/{name}": text for name, text in files.items()}}
    mouse = {"/sys/class/power_supply/hid/type": "Battery", "/sys/class/power_supply/hid/scope": "Device"}
    return RecordedSystem(Platform("linux", "x86_64", "6"), answers | mouse)


@pytest.mark.parametrize(
    ("files", "joules"),
    [
        ({"energy_now": "40000000"}, 144_000.0),  # µWh
        ({"charge_now": "4000000", "voltage_now": "10000000"}, 144_000.0),  # µAh and µV
        ({"charge_now": "4000000"}, None),
        ({}, None),
    ],
)
def test_what_is_left_in_a_battery(files: dict[str, str], joules: float | None) -> None:
    assert battery_joules(laptop(**files)) == joules


def test_a_discharging_battery_is_the_last_resort() -> None:
    system = laptop(energy_now="40000000")
    assert EnergyReader(system, NOTHING).domains == ()
    reader = EnergyReader(system, NOTHING, battery=True)
    assert reader.from_battery
    reader.start()
    system.answers[f"{BATTERY}/energy_now"] = "39000000"
    assert used(reader) == pytest.approx({"battery": 3600.0})
    system.answers[f"{BATTERY}/energy_now"] = "39500000"  # plugged in meanwhile
    assert reader.used().value is None


def test_counters_come_before_the_battery() -> None:
    system = laptop(energy_now="40000000")
    rapl = "/sys/class/powercap/intel-rapl:0"
    system.answers |= {f"{rapl}/name": "package-0", f"{rapl}/energy_uj": "5"}
    assert EnergyReader(system, NOTHING, battery=True).domains == ("package-0",)


def test_other_systems_batteries_answer_by_a_call() -> None:
    system = RecordedSystem(Platform("windows", "AMD64", "11"), {"native battery-energy": "180000.0"})
    assert battery_joules(system) == 180_000.0
    assert native_energy.macos_joules([{"AppleRawCurrentCapacity": 5000, "Voltage": 12_000}]) == 216_000.0
    assert native_energy.macos_joules([]) is None
