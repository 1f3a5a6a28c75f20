"""Rotary embeddings as Transformers 5 writes them, told to a library that reads the older words."""

from __future__ import annotations

from typing import Any

import pytest

from backends.frameworks.mlx.configuration import in_older_words

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "rope_theta": 500_000.0}


@pytest.mark.parametrize(
    ("config", "added"),
    [
        ({}, {}),
        ({"rope_theta": 1e6}, {}),
        ({"rope_parameters": None}, {}),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}, {"rope_theta": 1e4}),
        ({"rope_parameters": LLAMA3}, {"rope_theta": 500_000.0, "rope_scaling": LLAMA3}),
        ({"rope_parameters": LLAMA3, "rope_theta": 1.0, "rope_scaling": {}}, {}),
        (
            {
                "rope_parameters": {
                    "full_attention": {"rope_type": "default", "rope_theta": 1e6},
                    "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
                }
            },
            {"rope_theta": 1e6, "rope_local_base_freq": 1e4},
        ),
        (
            {"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.5}},
            {"rope_theta": 1e4, "partial_rotary_factor": 0.5},
        ),
    ],
)
def test_what_is_added(config: dict[str, Any], added: dict[str, Any]) -> None:
    assert in_older_words(config) == added
