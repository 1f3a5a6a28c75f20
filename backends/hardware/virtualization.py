"""Virtual machines and containers: what is measured there is not the bare machine."""

from __future__ import annotations

from backends.domain.hardware import Fact
from backends.hardware import parse
from backends.hardware.facts import fact, known, sentence
from backends.hardware.macos import is_virtual, sysctl
from backends.hardware.system import System
from backends.hardware.windows import inventory

NONE = "none"
# DMI vendor or product words, and what systemd-detect-virt calls them.
MACHINES = {
    "qemu": "qemu",
    "kvm": "kvm",
    "vmware": "vmware",
    "virtualbox": "oracle",
    "innotek": "oracle",
    "amazon ec2": "amazon",
    "google compute engine": "google",
    "virtual machine": "microsoft",
    "parallels": "parallels",
    "bochs": "bochs",
    "xen": "xen",
}
CONTAINER_MARKS = {"/.dockerenv": "docker", "/run/.containerenv": "podman"}


def probe(system: System) -> Fact[str]:
    """ "none", "kvm", "docker", or "docker in kvm"."""
    return {"linux": _linux, "macos": _macos, "windows": _windows}.get(system.platform.family, _other)(system)


def _linux(system: System) -> Fact[str]:
    machine, container = _machine(system), _container(system)
    names = [each.value for each in (container, machine) if each.value not in (None, NONE)]
    sources = " and ".join(dict.fromkeys(each.source for each in (container, machine)))
    return known(" in ".join(str(name) for name in names) or NONE, sources)


def _machine(system: System) -> Fact[str]:
    """systemd's answer, else what the firmware calls the machine, else the processor's hypervisor flag."""
    told = system.run("systemd-detect-virt", "--vm").text.strip()
    if told:
        return known(told, "systemd-detect-virt")
    if "microsoft" in system.platform.kernel.lower():
        return known("wsl", "kernel release")
    named = _by_name(" ".join(_dmi(system)))
    if named:
        return known(named, "/sys/class/dmi/id")
    flags = system.read("/proc/cpuinfo").text
    return known("virtual machine" if " hypervisor" in flags else NONE, "/proc/cpuinfo")


def _dmi(system: System) -> tuple[str, ...]:
    return tuple(
        system.read(f"/sys/class/dmi/id/{name}").text.strip() for name in ("sys_vendor", "product_name")
    )


def _by_name(text: str) -> str:
    return next((name for word, name in MACHINES.items() if word in text.lower()), "")


def _container(system: System) -> Fact[str]:
    told = system.run("systemd-detect-virt", "--container").text.strip()
    if told:
        return known(told, "systemd-detect-virt")
    for path, name in CONTAINER_MARKS.items():
        if system.glob(path):
            return known(name, path)
    groups = system.read("/proc/1/cgroup").text
    found = next((name for name in ("docker", "kubepods", "lxc", "podman") if name in groups), NONE)
    return known(found, "/proc/1/cgroup")


def _macos(system: System) -> Fact[str]:
    values = sysctl(system)
    told = values.get("kern.hv_vmm_present")
    name = None if told is None else "virtual machine" if is_virtual(values) else NONE
    return fact(name, "sysctl kern.hv_vmm_present", sentence("sysctl", system.run("sysctl", "-a").problem))


def _windows(system: System) -> Fact[str]:
    """By the maker's name: the hypervisor flag is also set where Windows only protects itself with one."""
    document, answer = inventory(system)
    computer = parse.mapping(document.get("computer"))
    text = f"{parse.word(computer, 'Manufacturer')} {parse.word(computer, 'Model')}".strip()
    name = (_by_name(text) or NONE) if text else None
    return fact(name, "Win32_ComputerSystem", sentence("Win32_ComputerSystem", answer.problem))


def _other(system: System) -> Fact[str]:
    return Fact(None, system.platform.family, "This system is not supported.")
