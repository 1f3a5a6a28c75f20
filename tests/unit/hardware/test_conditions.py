"""Sampling conditions and energy, on invented counters and for real."""

from __future__ import annotations

import os
import sys
import time

import pytest

from backends.domain.hardware import BusyProcess, EnergyCounter, Fact
from backends.hardware.conditions import ConditionsSampler, parse_process
from backends.hardware.energy import EnergyReader, elapsed_joules
from backends.hardware.system import Platform
from tests.unit.hardware.recorded import RecordedSystem, load

COUNTERS: Fact[tuple[EnergyCounter, ...]] = Fact((EnergyCounter("package-0", True, "x"),), "x")
RAPL = "/sys/class/powercap/intel-rapl:0"


class Clock:
    """Moves only when told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def process(name: str, ticks: int) -> str:
    return f"1 ({name}) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 5"


def machine() -> RecordedSystem:
    return RecordedSystem(
        Platform("linux", "x86_64", "6"),
        {
            "/proc/stat": "cpu 100 0 0 900 0 0 0 0 0 0\ncpu0 1 1 1",
            "/proc/10/stat": process("worker", 50),
            "/proc/11/stat": process("browser", 10),
            "/proc/12/stat": process("quiet", 5),
            "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "3000000",
            "/sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "2000000",
            "/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "4",
            "/sys/class/thermal/thermal_zone0/type": "x86_pkg_temp",
            "/sys/class/thermal/thermal_zone0/temp": "71000",
            "/sys/class/power_supply/BAT0/type": "Battery",
            "/sys/class/power_supply/BAT0/status": "Full",
        },
    )


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="hundredths of a second are Linux's")
def test_a_disturbed_interval() -> None:
    system, clock = machine(), Clock()
    sampler = ConditionsSampler([10], system, clock=clock)
    clock.now_s += 1.0
    system.answers["/proc/stat"] = "cpu 220 0 0 970 0 0 0 10 0 0"  # 200 ticks: 120 busy, 10 stolen
    system.answers["/proc/10/stat"] = process("worker", 140)  # 90 of them measured
    system.answers["/proc/11/stat"] = process("browser", 35)
    system.answers["/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"] = "5"
    system.answers["/sys/class/power_supply/BAT0/status"] = "Discharging"
    found = sampler.sample()
    assert found.cpu_percent == pytest.approx(15.0)
    assert found.steal_percent == pytest.approx(5.0)
    assert found.frequency_hz == pytest.approx(3.0e9)
    assert found.temperature_celsius == 71.0
    assert found.on_battery is True
    assert found.throttled is True
    assert found.busiest == BusyProcess("browser", 25.0)


def test_the_frequency_is_that_of_the_core_at_work() -> None:
    """Idle cores do not pull it down, and one beyond the first few is looked at where the work ran there."""
    system = machine()
    for number in range(1, 4):
        system.answers[f"/sys/devices/system/cpu/cpu{number}/cpufreq/scaling_cur_freq"] = "800000"
    assert ConditionsSampler([10], system).sample().frequency_hz == 3.0e9
    system.answers["/sys/devices/system/cpu/cpu9/cpufreq/scaling_cur_freq"] = "4200000"
    ran_on_9 = " ".join([process("worker", 50), *(["0"] * 16), "9", "0"])
    system.answers["/proc/10/stat"] = ran_on_9
    found = parse_process(ran_on_9, 0.01)
    assert found is not None and found.processor == 9
    assert ConditionsSampler([10], system).sample().frequency_hz == 4.2e9


def test_the_battery_of_a_mouse_is_not_the_machines() -> None:
    system = machine()
    mouse = "/sys/class/power_supply/hidpp_battery_0"
    system.answers |= {f"{mouse}/type": "Battery", f"{mouse}/scope": "Device"}
    system.answers[f"{mouse}/status"] = "Discharging"
    assert ConditionsSampler([10], system).sample().on_battery is False
    del system.answers["/sys/class/power_supply/BAT0/type"]
    assert ConditionsSampler([10], system).sample().on_battery is None


def test_what_the_observer_takes_is_told_apart() -> None:
    """On a clock of its own: 24 ms are no two ticks of the kernel."""
    system, clock, own = machine(), Clock(), [7.0]
    system.answers[f"/proc/{os.getpid()}/stat"] = process("edgewright", 20)
    sampler = ConditionsSampler([10], system, clock=clock, observer=lambda: own[0])
    clock.now_s += 1.0
    own[0] += 0.024
    system.answers["/proc/stat"] = "cpu 120 0 0 980 0 0 0 0 0 0"  # 100 ticks: 20 busy
    system.answers["/proc/10/stat"] = process("worker", 60)
    system.answers[f"/proc/{os.getpid()}/stat"] = process("edgewright", 22)
    found = sampler.sample()
    assert found.observer_s == pytest.approx(0.024)
    assert found.cpu_percent == pytest.approx(8.0), "10 of the worker and 2 of the observer are not others'"
    assert found.busiest is None
    assert sampler.sample().observer_s == 0.0, "since the sample before"
    assert ConditionsSampler([10], system).sample().observer_s is None


def test_a_process_that_ended_is_no_trouble() -> None:
    system = machine()
    sampler = ConditionsSampler([10], system)
    for pid in (10, 11):
        del system.answers[f"/proc/{pid}/stat"]
    assert sampler.sample().cpu_percent == 0.0


def test_a_machine_that_tells_nothing() -> None:
    found = ConditionsSampler([1], load("bare")).sample()
    assert (found.frequency_hz, found.temperature_celsius, found.on_battery, found.throttled) == (None,) * 4
    assert found.busiest is None


def test_for_real_a_busy_measured_process_is_no_disturbance() -> None:
    sampler = ConditionsSampler([os.getpid()])
    until_s = time.monotonic() + 0.3
    while time.monotonic() < until_s:
        pass
    found = sampler.sample()
    assert 0.0 <= found.cpu_percent <= 100.0
    assert found.t_s > 0.0


@pytest.mark.skipif(sys.platform != "linux", reason="the promise of 2 ms is for /proc")
def test_for_real_a_sample_is_cheap() -> None:
    sampler = ConditionsSampler([os.getpid()])
    spent_s = []
    for _ in range(10):
        before_s = time.thread_time()
        sampler.sample()
        spent_s.append(time.thread_time() - before_s)
    assert min(spent_s) < 0.002


def rapl(microjoules: int) -> RecordedSystem:
    return RecordedSystem(
        Platform("linux", "x86_64", "6"),
        {
            f"{RAPL}/name": "package-0",
            f"{RAPL}/energy_uj": str(microjoules),
            f"{RAPL}/max_energy_range_uj": "262143328850",
            f"{RAPL}:0/name": "core",
            f"{RAPL}:0/energy_uj": "1",
        },
    )


def test_energy_of_a_package() -> None:
    system, clock = rapl(1_000_000), Clock()
    reader = EnergyReader(system, COUNTERS, clock)
    assert reader.domains == ("package-0",)
    reader.start()
    clock.now_s += 10.0
    system.answers[f"{RAPL}/energy_uj"] = "151000000"
    (use,) = reader.used().value or ()
    assert use.joules == pytest.approx(150.0)
    assert use.duration_s == 10.0
    assert use.average_watts == pytest.approx(15.0)


def test_energy_of_a_counter_that_starts_again_twice() -> None:
    system, clock = rapl(262_143_000_000), Clock()
    reader = EnergyReader(system, COUNTERS, clock)
    reader.start()
    for microjoules in (1_000_000, 262_000_000_000, 2_000_000):
        system.answers[f"{RAPL}/energy_uj"] = str(microjoules)
        reader.update()
    (use,) = reader.used().value or ()
    assert use.joules == pytest.approx(0.32885 + 1.0 + 261_999.0 + 143.32885 + 2.0, abs=1e-3)


def test_energy_that_became_unreadable_is_not_guessed() -> None:
    system = rapl(5)
    reader = EnergyReader(system, COUNTERS)
    reader.start()
    system.answers[f"{RAPL}/energy_uj"] = "(permission denied)"
    reader.update()
    system.answers[f"{RAPL}/energy_uj"] = "10"
    assert reader.used().value is None


def test_energy_that_is_closed_says_how_to_open_it() -> None:
    system = load("intel-core-ultra-155h")
    counters: Fact[tuple[EnergyCounter, ...]] = Fact(
        (EnergyCounter("package-0", False, "x", "Ask the administrator."),), "x"
    )
    used = EnergyReader(system, counters).used()
    assert used.value is None
    assert used.why_not.startswith("Energy was not measured.")
    assert used.why_not.endswith("Ask the administrator.")


def test_a_counter_that_falls_without_a_known_range() -> None:
    assert elapsed_joules(10.0, 4.0, None) is None
    assert elapsed_joules(10.0, 4.0, 12.0) == 6.0
