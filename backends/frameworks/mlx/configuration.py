"""What a model's ``config.json`` says today, in the words mlx-lm reads. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SLIDING, FULL = "sliding_attention", "full_attention"
USUAL = "default"  # rotary embedding that is not scaled


def in_older_words(config: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be added for mlx-lm 0.32: fields that are there already are left as they are.

    Transformers 5 writes the rotary embedding as ``rope_parameters``, for some architectures one for each
    kind of layer. Several models of mlx-lm know ``rope_theta`` and ``rope_scaling`` only, and take a base of
    their own where it is missing, without a word.
    """
    told = config.get("rope_parameters")
    if not isinstance(told, Mapping):
        return {}
    main = told.get(FULL, told)
    sliding = told.get(SLIDING, {})
    found = {
        "rope_theta": main.get("rope_theta"),
        "rope_local_base_freq": sliding.get("rope_theta"),
        "rope_scaling": dict(main) if main.get("rope_type", USUAL) != USUAL else None,
        "partial_rotary_factor": main.get("partial_rotary_factor"),
    }
    return {name: value for name, value in found.items() if value is not None and name not in config}
