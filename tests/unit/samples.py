"""Values of the domain that several tests need: a machine, a model, what frameworks answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backends.domain.artifact import Artifact
from backends.domain.hardware import (
    Accelerator,
    AcceleratorKind,
    Fact,
    HardwareProfile,
    Memory,
    OperatingSystem,
    Power,
    PowerSource,
    Processor,
    Storage,
    Throughput,
)
from backends.domain.model import ModelFormat, ModelKind, ModelProfile, SourceModel, TensorContents
from backends.frameworks.base import Availability


def machine(
    vendor: str = "Intel",
    architecture: str = "x86_64",
    system: str = "linux",
    free_bytes: int | None = 16_000_000_000,
    accelerators: tuple[Accelerator, ...] = (),
    measured: bool = True,
) -> HardwareProfile:
    def fact(value: Any) -> Fact[Any]:
        return Fact(value, "test") if value is not None else Fact(None, "test", "not told")

    return HardwareProfile(
        operating_system=OperatingSystem(system, "Test OS", "1", "1.0"),
        processor=Processor(
            vendor=fact(vendor),
            brand=fact("Test CPU"),
            architecture=architecture,
            physical_cores=fact(4),
            logical_cores=fact(8),
            performance_cores=fact(None),
            efficiency_cores=fact(None),
            instruction_sets=fact(("AVX2",)),
            caches=fact(()),
            max_frequency_hz=fact(3e9),
        ),
        memory=Memory(fact(32_000_000_000), fact(free_bytes), fact(0)),
        accelerators=accelerators,
        accelerator_notes=(),
        storage=Storage("/", fact(10**11), fact(10**12)),
        power=Power(fact(PowerSource.MAINS), fact(None), fact("balanced"), fact(()), fact(54.0), fact(False)),
        virtualization=fact("none"),
        throughput=Throughput(61.4e9, 612e9, 4, 1.9, "2026-11-21T00:00:00+00:00") if measured else None,
    )


def gpu(vendor: str) -> Accelerator:
    none = Fact(None, "test", "not told")
    return Accelerator(AcceleratorKind.GPU, f"{vendor} GPU", vendor, "test", none, False, none)


def profile(parameters: int = 1_000_000_000, kind: ModelKind = ModelKind.LANGUAGE) -> ModelProfile:
    form = ModelFormat.GGUF if kind == ModelKind.LANGUAGE else ModelFormat.ONNX
    return ModelProfile(
        path=Path("model"),
        format=form,
        kind=kind,
        architecture="llama",
        name="model",
        size_bytes=parameters * 2,
        contents=TensorContents({"F16": 100}, parameters, parameters * 2, 16.0),
        precision="F16",
        context_length=4096,
        layers=16,
        hidden_size=2048,
        heads=32,
        kv_heads=8,
        head_dim=64,
        vocabulary=32000,
    )


def source(
    parameters: int = 1_000_000_000,
    kind: ModelKind = ModelKind.LANGUAGE,
    forms: tuple[ModelFormat, ...] = (ModelFormat.GGUF, ModelFormat.ONNX),
) -> SourceModel:
    return SourceModel("model", profile(parameters, kind), {form: Path("model") for form in forms})


def available(*names: str) -> dict[str, Availability]:
    return {name: Availability(name, True, "1.0", ("CPU",)) for name in names}


def artifact(precision: str = "Q4_K_M", framework: str = "llamacpp", original: bool = False) -> Artifact:
    return Artifact(
        name="model",
        framework=framework,
        precision=precision,
        format=ModelFormat.GGUF,
        kind=ModelKind.LANGUAGE,
        path=Path("model.gguf"),
        size_bytes=100,
        contents=TensorContents({"Q4_K": 31}, 1000, 600, 4.8),
        source=Path("source.gguf"),
        original=original,
    )
