"""What a precision means to MLX, as data: nothing here imports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backends.domain.artifact import Option
from backends.domain.errors import BadInput

GROUP_SIZES = (32, 64, 128)
DTYPES = ("float32", "float16", "bfloat16")
_BITS = {"4bit": 4, "6bit": 6, "8bit": 8}
_MIXED = ("mixed_2_6", "mixed_3_4", "mixed_3_6", "mixed_4_6")
_CAST = {"bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True)
class Recipe:
    """``bits`` 0: not quantized. ``mixed``: mlx-lm's name of a recipe. ``dtype`` "": as in the source."""

    bits: int = 0
    group_size: int = 64
    mixed: str = ""
    dtype: str = ""

    @property
    def quantizes(self) -> bool:
        return bool(self.bits or self.mixed)

    @classmethod
    def read(cls, precision: str, options: Mapping[str, Option]) -> Recipe:
        """Raises BadInput for a precision or an option that MLX does not have."""
        name = precision.lower()
        if name in _CAST:
            return cls(dtype=_CAST[name])
        group_size, dtype = options.get("group_size", 64), str(options.get("dtype", ""))
        if group_size not in GROUP_SIZES:
            raise BadInput(f"The group size cannot be {group_size}.", "Choose 32, 64 or 128.")
        if dtype and dtype not in DTYPES:
            raise BadInput(f"There is no data type “{dtype}”.", f"Choose one of: {', '.join(DTYPES)}.")
        if name in _BITS:
            return cls(_BITS[name], int(group_size), "", dtype)
        if name in _MIXED:
            return cls(0, int(group_size), name, dtype)
        raise BadInput(
            f"MLX has no precision “{precision}”.", "Run “edgewright frameworks” for those it has."
        )

    def recorded(self) -> dict[str, Option]:
        """What is worth keeping with the artifact."""
        chosen: dict[str, Option] = {"dtype": self.dtype} if self.dtype else {}
        if self.quantizes:
            chosen["group_size"] = self.group_size
        return {**chosen, "recipe": self.mixed} if self.mixed else chosen
