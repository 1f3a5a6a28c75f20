"""One PowerShell call that tells most about a Windows machine: starting PowerShell is what takes long.

The classes are CIM's (learn.microsoft.com, "CIM Win32 provider"); devices are those of the kinds that can
compute, by their plug-and-play class. No serial numbers and no names of users or machines are asked for.
"""

from __future__ import annotations

from backends.hardware import parse
from backends.hardware.system import Answer, System

TIMEOUT_S = 15.0
_DISPLAY_CLASS = r"HKLM:\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}\0*"
SCRIPT = f"""
$ErrorActionPreference = 'SilentlyContinue'
[Console]::OutputEncoding = [Text.Encoding]::UTF8
@{{
  processor = @(Get-CimInstance Win32_Processor | Select-Object Name, Manufacturer, Architecture,
    NumberOfCores, NumberOfLogicalProcessors, MaxClockSpeed)
  computer = Get-CimInstance Win32_ComputerSystem | Select-Object Manufacturer, Model
  system = Get-CimInstance Win32_OperatingSystem | Select-Object Caption, Version, BuildNumber
  display = @(Get-CimInstance Win32_VideoController | Select-Object Name, AdapterCompatibility,
    AdapterRAM, DriverVersion, PNPDeviceID)
  display_memory = @(Get-ItemProperty '{_DISPLAY_CLASS}' | Select-Object DriverDesc,
    'HardwareInformation.qwMemorySize')
  devices = @(Get-CimInstance Win32_PnPEntity -Filter "PNPClass='ComputeAccelerator' OR
    DeviceID LIKE 'USB%VID_03E7%' OR DeviceID LIKE 'USB%VID_1A6E%' OR DeviceID LIKE 'USB%VID_18D1%' OR
    DeviceID LIKE 'PCI%VEN_1AC1%' OR DeviceID LIKE 'PCI%VEN_1E60%'" |
    Select-Object Name, Manufacturer, PNPClass, DeviceID, Status)
  energy = @(Get-CimInstance Win32_PerfRawData_PowerMeterCounter_EnergyMeter | Select-Object Name)
}} | ConvertTo-Json -Depth 3 -Compress
"""
COMMAND = ("powershell", "-NoProfile", "-NonInteractive", "-Command", SCRIPT)


def inventory(system: System) -> tuple[parse.Json, Answer]:
    """The document, empty when PowerShell gave none."""
    answer = system.run(*COMMAND, timeout_s=TIMEOUT_S)
    return parse.json_object(answer.text), answer
