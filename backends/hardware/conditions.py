"""The machine's state while a benchmark runs, sampled outside the measured processes.

Everything is a difference between two samples: make the sampler when the first interval begins. The kernel
counts in hundredths of a second, so intervals of about a second resolve one percent. A sample costs about a
millisecond, whatever the number of processes: looking for the busiest of the others stops after a fixed time
and goes on there next time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import psutil

from backends.domain.hardware import BusyProcess, Conditions
from backends.hardware import heat, parse
from backends.hardware.power import own_batteries
from backends.hardware.system import RealSystem, System

SCAN_BUDGET_S = 0.0008  # of this thread's own processor time
FREQUENCY_FILES = 4  # reading one may interrupt its core, so a few stand for all
FREQUENCY = "/sys/devices/system/cpu/cpu{0}/cpufreq/scaling_cur_freq"
Clock = Callable[[], float]


@dataclass(frozen=True)
class Times:
    """Seconds summed over all logical cores. ``busy_s`` is without idling, waiting and stolen time."""

    total_s: float
    busy_s: float
    steal_s: float


@dataclass(frozen=True)
class ProcessTime:
    """``processor``: the number of the logical core it ran on last, where that is told."""

    name: str
    busy_s: float
    processor: int | None = None


class Readings(Protocol):
    """What one operating system offers. Nothing here raises."""

    def times(self) -> Times: ...

    def process(self, pid: int) -> ProcessTime | None: ...

    def pids(self) -> Collection[int]: ...

    def frequency_hz(self, processors: Collection[int]) -> float | None: ...

    def temperature_celsius(self) -> float | None: ...

    def on_battery(self) -> bool | None: ...

    def throttled(self) -> bool | None: ...


class ConditionsSampler:
    """Samples the state of the machine; ``pids`` are the processes whose work is no disturbance.

    ``observer``: processor seconds of the process that samples, the window. Its work is then no other
    program's, but told apart. It has a clock of its own, as hundredths of a second are coarse for so little.
    """

    def __init__(
        self,
        pids: Collection[int],
        system: System | None = None,
        readings: Readings | None = None,
        clock: Clock = time.monotonic,
        observer: Clock | None = None,
    ) -> None:
        self._clock, self._observer = clock, observer
        self._observed_s = observer() if observer else 0.0
        pids = {*pids, os.getpid()} if observer else pids
        self._readings = readings or _readings_for(system or RealSystem())
        self._own: dict[int, float] = dict.fromkeys(pids, 0.0)
        self._ran_on: dict[int, int] = {}
        self._others = _Others(self._readings, clock)
        self._times = self._readings.times()
        self._measured_busy_s()
        self._others.scan(self._own)

    def sample(self) -> Conditions:
        """The interval since the sample before."""
        before, self._times = self._times, self._readings.times()
        total_s = self._times.total_s - before.total_s
        own_s = self._measured_busy_s()
        self._others.scan(self._own)
        return Conditions(
            t_s=self._clock(),
            cpu_percent=_percent(self._times.busy_s - before.busy_s - own_s, total_s),
            steal_percent=_percent(self._times.steal_s - before.steal_s, total_s),
            frequency_hz=self._readings.frequency_hz(set(self._ran_on.values())),
            temperature_celsius=self._readings.temperature_celsius(),
            on_battery=self._readings.on_battery(),
            throttled=self._readings.throttled(),
            busiest=self._others.busiest(),
            observer_s=self._observer_s(),
        )

    def _observer_s(self) -> float | None:
        """What this process worked since the last call."""
        if self._observer is None:
            return None
        before_s, self._observed_s = self._observed_s, self._observer()
        return self._observed_s - before_s

    def _measured_busy_s(self) -> float:
        """What the measured processes worked since the last call."""
        spent_s = 0.0
        for pid, before_s in self._own.items():
            process = self._readings.process(pid)
            if process is not None:
                spent_s += max(0.0, process.busy_s - before_s)
                self._own[pid] = process.busy_s
                if process.processor is not None:
                    self._ran_on[pid] = process.processor
        return spent_s


@dataclass(frozen=True)
class _Seen:
    process: ProcessTime
    at_s: float
    percent: float


class _Others:
    """The other processes, scanned in slices of fixed duration, each against its own last reading."""

    def __init__(self, readings: Readings, clock: Clock) -> None:
        self._readings = readings
        self._clock = clock
        self._seen: dict[int, _Seen] = {}
        self._queue: Iterator[int] = iter(())

    def scan(self, own: Collection[int]) -> None:
        """Look at as many processes as the budget allows, going round."""
        until_s = time.thread_time() + SCAN_BUDGET_S
        for pid in self._next_pids():
            if pid not in own:
                self._look(pid)
            if time.thread_time() > until_s:
                return

    def busiest(self) -> BusyProcess | None:
        busiest = max(self._seen.values(), key=lambda seen: seen.percent, default=None)
        if busiest is None or busiest.percent <= 0.0:
            return None
        return BusyProcess(busiest.process.name, busiest.percent)

    def _next_pids(self) -> Iterator[int]:
        """The rest of the last round, then one new round at most."""
        yield from self._queue
        pids = self._readings.pids()
        self._seen = {pid: seen for pid, seen in self._seen.items() if pid in pids}
        self._queue = iter(pids)
        yield from islice(self._queue, len(pids))

    def _look(self, pid: int) -> None:
        now_s, process = self._clock(), self._readings.process(pid)
        if process is None:
            self._seen.pop(pid, None)
            return
        before = self._seen.get(pid)
        percent = 0.0
        if before is not None and now_s > before.at_s:
            percent = 100 * max(0.0, process.busy_s - before.process.busy_s) / (now_s - before.at_s)
        self._seen[pid] = _Seen(process, now_s, percent)


class LinuxReadings:
    """/proc and /sys. Which files there are is looked up once."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._tick_s = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01
        self._temperature = heat.temperature_file(system)
        self._batteries = own_batteries(system)
        self._pi = heat.pi_state_file(system)
        self._throttle_count = self._count()

    def times(self) -> Times:
        first = self._system.read("/proc/stat").text.partition("\n")[0]
        return parse_stat(first, self._tick_s)

    def process(self, pid: int) -> ProcessTime | None:
        return parse_process(self._system.read(f"/proc/{pid}/stat").text, self._tick_s)

    def pids(self) -> Collection[int]:
        paths = self._system.glob("/proc/[0-9]*")
        return {int(name) for name in map(parse.last_part, paths) if name.isascii() and name.isdigit()}

    def frequency_hz(self, processors: Collection[int]) -> float | None:
        """The highest of those where the measured processes ran, and of a few others; the kernel writes kHz.

        This is one moment, and by now some cores may be idle: a mean over them falls where nothing is wrong.
        """
        looked_at = list(dict.fromkeys((*processors, *range(FREQUENCY_FILES))))[:FREQUENCY_FILES]
        files = [self._system.read(FREQUENCY.format(number)).text for number in looked_at]
        told = [value for text in files if (value := parse.positive(parse.integer(text))) is not None]
        return 1e3 * max(told) if told else None

    def temperature_celsius(self) -> float | None:
        return None if self._temperature is None else heat.celsius(self._system.read(self._temperature).text)

    def on_battery(self) -> bool | None:
        states = [self._system.read(f"{folder}/status").text.strip() for folder in self._batteries]
        return any(state == "Discharging" for state in states) if states else None

    def throttled(self) -> bool | None:
        """Raspberry Pi tells the state, x86 counts its episodes."""
        if self._pi is not None:
            return heat.pi_throttled(self._system.read(self._pi).text)
        before, self._throttle_count = self._throttle_count, self._count()
        if before is None or self._throttle_count is None:
            return None
        return self._throttle_count > before

    def _count(self) -> int | None:
        return parse.integer(self._system.read(heat.THROTTLE_COUNT).text)


class PsutilReadings:
    """macOS and Windows, where psutil asks the kernel without starting a process."""

    def __init__(self) -> None:
        self._processes: dict[int, psutil.Process] = {}

    def times(self) -> Times:
        spent = psutil.cpu_times()
        total_s = float(sum(spent))
        return Times(total_s, total_s - spent.idle, 0.0)

    def process(self, pid: int) -> ProcessTime | None:
        try:
            process = self._processes.setdefault(pid, psutil.Process(pid))
            with process.oneshot():
                spent = process.cpu_times()
                return ProcessTime(process.name(), spent.user + spent.system)
        except (psutil.Error, OSError):
            self._processes.pop(pid, None)
            return None

    def pids(self) -> Collection[int]:
        return set(psutil.pids())

    def frequency_hz(self, processors: Collection[int]) -> float | None:
        return None  # Apple silicon tells none, and Windows only the nominal one

    def temperature_celsius(self) -> float | None:
        return None

    def on_battery(self) -> bool | None:
        battery = psutil.sensors_battery()
        plugged = None if battery is None else battery.power_plugged
        return None if plugged is None else not plugged

    def throttled(self) -> bool | None:
        return None


def parse_stat(line: str, tick_s: float) -> Times:
    """The first line of /proc/stat: user nice system idle iowait irq softirq steal (guests are in user)."""
    ticks = [parse.integer(word) or 0 for word in line.split()[1:9]]
    user, nice, system, idle, iowait, irq, softirq, steal = (*ticks, *([0] * (8 - len(ticks))))
    busy = user + nice + system + irq + softirq
    return Times((busy + idle + iowait + steal) * tick_s, busy * tick_s, steal * tick_s)


_PROCESSOR = 36  # of the fields behind the name


def parse_process(text: str, tick_s: float) -> ProcessTime | None:
    """/proc/PID/stat: the name stands in brackets and may hold any character; utime, stime, processor."""
    start, end = text.find("("), text.rfind(")")
    fields = text[end + 1 :].split()
    if not 0 <= start < end or len(fields) < 13:
        return None
    user, system = fields[11], fields[12]
    if not (user.isdecimal() and system.isdecimal() and len(user) < 20 and len(system) < 20):
        return None
    processor = parse.integer(fields[_PROCESSOR]) if len(fields) > _PROCESSOR else None
    return ProcessTime(text[start + 1 : end], (int(user) + int(system)) * tick_s, processor)


def _readings_for(system: System) -> Readings:
    return LinuxReadings(system) if system.platform.family == "linux" else PsutilReadings()


def _percent(part_s: float, total_s: float) -> float:
    return min(100.0, max(0.0, 100 * part_s / total_s)) if total_s > 0 else 0.0
