"""What onnxruntime-genai's configuration tells without the package."""

from __future__ import annotations

import json
from pathlib import Path

from backends.frameworks.onnxruntime.genai import cache_bytes_per_token

DECODER = {"num_hidden_layers": 16, "num_key_value_heads": 8, "head_size": 64, "hidden_size": 2048}


def test_the_cache_follows_its_formula(tmp_path: Path) -> None:
    config = tmp_path / "genai_config.json"
    config.write_text(json.dumps({"model": {"decoder": DECODER}}))
    assert cache_bytes_per_token(config, 2) == 2 * 16 * 8 * 64 * 2
    config.write_text(json.dumps({"model": {"decoder": {"head_size": 64}}}))
    assert cache_bytes_per_token(config, 2) is None
