"""Detection, shown the recorded and documented outputs of machines; see machines/README.md."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from backends.domain.hardware import Accelerator, AcceleratorKind, Cache, Fact, HardwareProfile, PowerSource
from backends.hardware.detect import detect
from tests.unit.hardware.recorded import MACHINES, load

GIB = 1 << 30
ALL = sorted(path.name for path in MACHINES.iterdir() if path.is_dir())


def look(name: str) -> HardwareProfile:
    return detect(load(name), "models")


def named(profile: HardwareProfile, word: str) -> Accelerator:
    return next(each for each in profile.accelerators if word in each.name)


def usable(accelerator: Accelerator) -> dict[str, str]:
    return {use.framework: use.how for use in accelerator.usable_by}


def facts_in(value: object) -> list[Fact[object]]:
    if isinstance(value, Fact):
        return [value, *facts_in(value.value)]
    if isinstance(value, tuple):
        return [fact for each in value for fact in facts_in(each)]
    if is_dataclass(value):
        return [fact for field in fields(value) for fact in facts_in(getattr(value, field.name))]
    return []


@pytest.mark.parametrize("name", ALL)
def test_every_fact_has_a_value_with_its_source_or_a_sentence_why_not(name: str) -> None:
    for fact in facts_in(look(name)):
        if fact.value is None:
            assert fact.why_not.endswith("."), fact
            assert not fact.why_not.endswith(".."), fact
        else:
            assert fact.source, fact


@pytest.mark.parametrize("name", ALL)
def test_no_probe_fell_back_on_the_net_below(name: str) -> None:
    assert not [fact for fact in facts_in(look(name)) if "Looking for it failed" in fact.why_not]


def test_every_machine_is_explained() -> None:
    readme = (MACHINES / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in readme for name in ALL)


def test_this_machine() -> None:
    profile = look("this-machine")
    cpu = profile.processor
    assert (cpu.vendor.value, cpu.architecture) == ("Intel", "x86_64")
    assert (cpu.physical_cores.value, cpu.logical_cores.value, cpu.usable_cpus.value) == (2, 2, 2.0)
    assert {"AVX2", "AVX-512", "AVX-512 VNNI", "AVX-VNNI", "AMX", "AMX-INT8", "F16C"} <= set(
        cpu.instruction_sets.value or ()
    )
    assert Cache(3, "unified", 300 << 20, 2, 1) in (cpu.caches.value or ())
    assert profile.memory.total_bytes == Fact(24731708 << 10, "/proc/meminfo")
    assert profile.virtualization.value == "docker in kvm"
    assert profile.power.source.value is None  # a guest does not know
    assert profile.accelerators == ()
    assert len(profile.accelerator_notes) >= 4


def test_apple_laptop() -> None:
    profile = look("apple-m3-pro")
    cpu = profile.processor
    assert (cpu.vendor.value, cpu.brand.value, cpu.architecture) == ("Apple", "Apple M3 Pro", "arm64")
    assert (cpu.performance_cores.value, cpu.efficiency_cores.value) == (6, 6)
    assert cpu.instruction_sets.value == ("NEON", "FP16", "dotprod", "i8mm", "BF16")
    assert Cache(2, "unified", 16 << 20, 6, 1) in (cpu.caches.value or ())
    assert (profile.memory.total_bytes.value, profile.memory.swap_bytes.value) == (36 * GIB, 2 * GIB)
    assert profile.memory.available_bytes.value == (52311 + 792345 + 7200 + 10034) * 16384
    gpu = named(profile, "Apple M3 Pro")
    assert gpu.shared_memory
    assert (gpu.driver.value, gpu.note) == ("Metal 3", "18 GPU cores.")
    assert usable(gpu) == {"MLX": "Metal", "llama.cpp": "Metal", "ONNX Runtime": "CoreML"}
    assert named(profile, "Neural Engine").kind is AcceleratorKind.NPU
    stick = named(profile, "Neural Compute Stick 2")
    assert (stick.kind, stick.usable_by) == (AcceleratorKind.VPU, ())
    assert profile.power.source.value is PowerSource.BATTERY
    assert profile.power.battery_percent.value == 83.0
    assert profile.power.profile.value == "automatic"
    assert profile.power.throttling.value is False
    assert profile.virtualization.value == "none"
    assert (profile.operating_system.name, profile.operating_system.version) == ("macOS", "15.5")


def test_snapdragon_laptop() -> None:
    profile = look("snapdragon-x-elite")
    cpu = profile.processor
    assert (cpu.vendor.value, cpu.architecture) == ("Qualcomm", "arm64")
    assert (cpu.physical_cores.value, cpu.performance_cores.value, cpu.efficiency_cores.value) == (12, 12, 0)
    assert cpu.instruction_sets.value == ("NEON", "FP16", "dotprod", "i8mm", "BF16")
    assert Cache(2, "unified", 12 << 20, 4, 3) in (cpu.caches.value or ())
    assert cpu.max_frequency_hz.value == pytest.approx(3.417e9)
    assert usable(named(profile, "Hexagon")) == {"QNN": "HTP", "ONNX Runtime": "QNN", "Olive": "QNN"}
    assert usable(named(profile, "Adreno"))["llama.cpp"] == "OpenCL"
    assert (profile.power.source.value, profile.power.battery_percent.value) == (PowerSource.MAINS, 64.0)
    assert profile.power.profile.value == "Balanced"
    assert profile.operating_system.name == "Windows 11 Pro"
    assert profile.virtualization.value == "none"


def test_windows_desktop_asks_powershell_once() -> None:
    system = load("windows-nvidia")
    profile = detect(system)
    assert [command[0] for command in system.asked].count("powershell") == 1
    cpu = profile.processor
    assert (cpu.performance_cores.value, cpu.efficiency_cores.value, cpu.logical_cores.value) == (8, 8, 24)
    assert cpu.instruction_sets.value == ("SSE4.2", "AVX", "AVX2", "FMA", "F16C")
    gpu = named(profile, "RTX 4070")
    assert gpu.memory_bytes.value == 12878610432  # the registry's, not the 4 GiB of AdapterRAM
    assert gpu.usable_by == ()
    assert "driver" in gpu.note
    assert named(profile, "UHD Graphics 770").shared_memory
    assert named(profile, "Coral USB").kind is AcceleratorKind.EDGE_TPU
    counters = profile.power.energy_counters.value or ()
    assert [counter.domain for counter in counters] == ["RAPL_Package0_PKG", "RAPL_Package0_DRAM"]
    assert not any(counter.readable for counter in counters)
    assert profile.power.source.value is PowerSource.MAINS


def test_core_ultra_laptop() -> None:
    profile = look("intel-core-ultra-155h")
    cpu = profile.processor
    assert (cpu.physical_cores.value, cpu.logical_cores.value) == (16, 22)
    assert (cpu.performance_cores.value, cpu.efficiency_cores.value) == (6, 10)
    assert cpu.max_frequency_hz.value == pytest.approx(4.8e9)
    assert "AVX-VNNI" in (cpu.instruction_sets.value or ())
    assert Cache(2, "unified", 2 << 20, 2, 7) in (cpu.caches.value or ())
    npu = named(profile, "AI Boost")
    assert (npu.kind, npu.driver.value) == (AcceleratorKind.NPU, "intel_vpu")
    assert usable(npu)["OpenVINO"] == "NPU"
    gpu = named(profile, "Intel Arc Graphics")
    assert gpu.shared_memory
    assert usable(gpu)["OpenVINO"] == "GPU"
    assert named(profile, "Coral").usable_by == ()
    power = profile.power
    assert (power.source.value, power.battery_percent.value) == (PowerSource.BATTERY, 71.0)  # not the mouse's
    assert power.profile.value == "balanced, governor powersave, preference balance_power"
    assert power.temperature_celsius.value == 54.0
    assert power.throttling.value is None
    assert "3 times" in power.throttling.why_not
    counters = power.energy_counters.value or ()
    assert [each.domain for each in counters] == ["package-0", "package-0/core", "package-0/uncore", "psys"]
    assert all(not each.readable and "sudo chmod" in each.remedy for each in counters)


def test_neural_processor_without_driver() -> None:
    system = load("intel-core-ultra-155h")
    del system.answers["/dev/accel/accel0"]
    npu = named(detect(system), "AI Boost")
    assert npu.usable_by == ()
    assert "intel_vpu" in npu.note


def test_nvidia_desktop_in_a_container() -> None:
    profile = look("nvidia-desktop")
    gpu = named(profile, "RTX 4090")
    assert gpu.memory_bytes.value == 24564 << 20
    assert usable(gpu) == {"llama.cpp": "CUDA", "ONNX Runtime": "CUDA", "Olive": "CUDA", "MLX": "CUDA"}
    assert named(profile, "Coral PCIe").driver.value == "apex"
    assert profile.memory.total_bytes.value == 16 * GIB
    assert "container" in profile.memory.total_bytes.source
    assert profile.memory.available_bytes.value == 11 * GIB
    assert profile.processor.usable_cpus.value == 2.5
    assert "/sys/fs/cgroup/cpu.max" in profile.processor.usable_cpus.source
    assert (profile.processor.physical_cores.value, profile.processor.logical_cores.value) == (16, 32)
    counters = {each.domain: each.readable for each in profile.power.energy_counters.value or ()}
    assert counters == {"package-0": True, "package-0/core": True, "gpu:0": True, "gpu:1": False}
    assert profile.power.temperature_celsius.value == 48.25
    assert profile.virtualization.value == "podman"


def test_nvidia_gpu_that_shares_memory() -> None:
    system = load("nvidia-desktop")
    key = next(key for key in system.answers if key.startswith("$ nvidia-smi"))
    system.answers[key] = "0, NVIDIA GB10, [N/A], 580.95.05, 12.1\n"
    gpu = named(detect(system), "GB10")
    assert gpu.shared_memory
    assert gpu.memory_bytes.value is None


def test_raspberry_pi() -> None:
    profile = look("raspberry-pi-5")
    cpu = profile.processor
    assert cpu.brand.value == "Arm Cortex-A76 (Raspberry Pi 5 Model B Rev 1.0)"
    assert (cpu.vendor.value, cpu.architecture, cpu.physical_cores.value) == ("Arm", "arm64", 4)
    assert (cpu.performance_cores.value, cpu.efficiency_cores.value) == (4, 0)
    assert cpu.instruction_sets.value == ("NEON", "FP16", "dotprod")
    assert usable(named(profile, "VideoCore")) == {"llama.cpp": "Vulkan"}
    assert named(profile, "Hailo-8").usable_by == ()
    assert profile.power.source.value is PowerSource.MAINS
    assert profile.power.temperature_celsius.value == 61.15
    assert profile.power.throttling.value is True  # 0x50005
    assert profile.power.energy_counters.value is None
    assert "powercap" in profile.power.energy_counters.why_not


def test_ryzen_ai() -> None:
    profile = look("ryzen-ai-hx370")
    npu, gpu = named(profile, "XDNA 2"), named(profile, "890M")
    assert usable(npu) == {"ONNX Runtime": "VitisAI", "Olive": "VitisAI"}
    assert gpu.shared_memory
    assert gpu.memory_bytes.value == 512 << 20
    assert usable(gpu)["llama.cpp"] == "ROCm"
    assert (profile.processor.physical_cores.value, profile.processor.vendor.value) == (12, "AMD")
    assert profile.power.source.value is PowerSource.MAINS


def test_a_machine_that_tells_nothing() -> None:
    profile = look("bare")
    assert profile.accelerators == ()
    assert profile.processor.brand.value is None
    assert profile.memory.total_bytes.why_not == "/proc/meminfo could not be read: it is not there."
    assert profile.processor.architecture == "riscv64"


def test_only_tools_of_the_system_are_asked() -> None:
    system = load("this-machine")
    detect(system)
    assert {command[0] for command in system.asked} <= {"nvidia-smi", "lspci", "systemd-detect-virt"}


def test_recordings_name_nobody() -> None:
    for path in MACHINES.rglob("*.txt"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\b(serial|uuid|hostname)\b|/home/|/Users/", text, re.IGNORECASE), path


def test_storage_is_where_it_was_asked_for(tmp_path: Path) -> None:
    assert detect(load("bare"), str(tmp_path)).storage.path == str(tmp_path)
