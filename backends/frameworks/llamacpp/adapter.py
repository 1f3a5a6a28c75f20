"""llama.cpp behind the :class:`~backends.frameworks.base.Adapter` interface.

The only file that imports ``llama_cpp``; its neighbours are handed the module where they need it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

# libgomp reads this when it is loaded. Left alone, its threads spin for about 7 ms after the last token and
# then sleep (measured on 2 cores: no CPU time in the second after). "passive" cost decoding four fifths
# of its speed there, and "active" lets every idle session burn the processor.
os.environ.pop("OMP_WAIT_POLICY", None)

import llama_cpp
from llama_cpp._ctypes_extensions import load_shared_library

from backends.domain.artifact import Artifact, LoadOptions
from backends.domain.errors import BadInput
from backends.domain.hardware import HardwareProfile
from backends.domain.model import ModelFormat
from backends.frameworks.base import Availability, JobContext, OptimizeRequest
from backends.frameworks.generation import physical_cores
from backends.frameworks.llamacpp import account
from backends.frameworks.llamacpp.decoder import Decoder, Shape
from backends.frameworks.llamacpp.devices import Device, list_devices, pick
from backends.frameworks.llamacpp.loadlog import read_report
from backends.frameworks.llamacpp.log import NativeLog
from backends.frameworks.llamacpp.model import Model, repacks
from backends.frameworks.llamacpp.options import OpenOptions, read_open_options, type_numbers
from backends.frameworks.llamacpp.quantize import Toolbox, quantize
from backends.frameworks.llamacpp.session import LlamaSession

_LIBRARIES = Path(llama_cpp.__file__).parent / "lib"


class LlamaCppAdapter:
    def probe(self, hardware: HardwareProfile | None) -> Availability:
        """Never raises: a build that cannot even list its devices is an unavailable framework."""
        try:
            names = tuple(d.name for d in self._devices if d.is_gpu or d.name == "CPU")
        except (OSError, AttributeError) as error:
            return Availability(
                "llamacpp",
                False,
                llama_cpp.__version__,
                reason=f"llama.cpp is installed but its libraries do not work: {error}.",
                remedy="Install it again: pip install --force-reinstall --no-binary llama-cpp-python "
                f"llama-cpp-python=={llama_cpp.__version__}",
            )
        return Availability("llamacpp", True, llama_cpp.__version__, names)

    def optimize(self, request: OptimizeRequest, job: JobContext) -> Artifact:
        versions = {
            "llama-cpp-python": llama_cpp.__version__,
            "llama.cpp": llama_cpp.llama_version().decode(),
        }
        return quantize(self._tools, request, versions, job)

    @contextmanager
    def open(self, artifact: Artifact, options: LoadOptions) -> Iterator[LlamaSession]:
        if artifact.format != ModelFormat.GGUF:
            raise BadInput(f"llama.cpp runs GGUF files; “{artifact.path}” is {artifact.format.value}.")
        opened = read_open_options(options.options)
        device = pick(self._devices, options.device)
        with ExitStack() as stack:
            with self._log.collected() as pieces:
                model = Model(llama_cpp, self._log, artifact.path, opened, device)
                stack.callback(model.close)
                shape = self._shape(options, opened, model)
                decoder = Decoder(llama_cpp, model.pointer, shape)
                stack.callback(decoder.close)
            yield LlamaSession(model, decoder, self._account(model, decoder, shape, device, pieces))

    def _shape(self, options: LoadOptions, opened: OpenOptions, model: Model) -> Shape:
        return Shape(
            options.context or model.trained_context,
            options.threads or physical_cores(),
            opened,
            self._types[opened.type_k],
            self._types[opened.type_v],
        )

    def _account(
        self, model: Model, decoder: Decoder, shape: Shape, device: Device, pieces: list[str]
    ) -> account.Account:
        report = read_report(pieces)
        keys, values = model.cache_elements(decoder.context)
        counted = self._bytes(shape.type_k, keys) + self._bytes(shape.type_v, values)
        cache = account.cache_bytes(counted, report.cache_bytes)
        kernels = account.cpu_kernels(llama_cpp.llama_print_system_info().decode())
        repacked = repacks(llama_cpp, shape.options)
        trained = model.trained_context
        return account.Account(
            device.name,
            shape.threads,
            account.details(report, shape.options, decoder.context, cache, kernels, repacked),
            tuple(
                account.warnings(report, shape.options, shape.context, trained, device.name, device.is_gpu)
            ),
            cache,
            counted / decoder.context,
        )

    def _bytes(self, ggml_type: int, elements: int) -> int:
        size, block = self._ggml_base.ggml_type_size, self._ggml_base.ggml_blck_size
        size.restype, block.restype = ctypes.c_size_t, ctypes.c_int64
        return int(elements // block(ggml_type) * size(ggml_type))

    @cached_property
    def _types(self) -> dict[str, int]:
        return type_numbers(llama_cpp)

    @cached_property
    def _log(self) -> NativeLog:
        return NativeLog(llama_cpp)

    @cached_property
    def _ggml_base(self) -> ctypes.CDLL:
        library: ctypes.CDLL = load_shared_library("ggml-base", _LIBRARIES)
        return library

    @cached_property
    def _devices(self) -> tuple[Device, ...]:
        _ = self._log  # before anything is initialized, and so before anything is logged
        llama_cpp.llama_backend_init()
        return list_devices(load_shared_library("ggml", _LIBRARIES), self._ggml_base)

    @cached_property
    def _tools(self) -> Toolbox:
        return Toolbox(llama_cpp, self._ggml_base, self._log, pick(self._devices, "CPU"))


ADAPTER = LlamaCppAdapter()
