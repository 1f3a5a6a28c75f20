"""Write the trained model as a Hugging Face folder, an F16 GGUF and an ONNX folder.

    python export.py --work WORK --converter LLAMA_CPP/convert_hf_to_gguf.py [--target DIR]

The converter comes from the source archive of the installed llama-cpp-python (`pip download --no-deps
--no-binary :all: llama-cpp-python==VERSION`, then vendor/llama.cpp); it needs `conversion/` and `gguf-py/`
beside it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from model import Shape
from safetensors.torch import save_file
from transformers import AutoTokenizer

MODEL_DIR = Path(__file__).resolve().parent.parent
NAME = "edgewright-lm"


def model_config(shape: Shape) -> dict[str, object]:
    """Describe the shape in Hugging Face's terms."""
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "float16", "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden, "intermediate_size": shape.ffn, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_dim,
        "max_position_embeddings": shape.positions, "rms_norm_eps": shape.norm_eps, "hidden_act": "silu",
        # Both spellings: transformers 5 reads the first, older readers the second.
        "rope_parameters": {"rope_theta": shape.rope_theta, "rope_type": "default"}, "rope_theta": shape.rope_theta,
        "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False, "attention_dropout": 0.0,
        "initializer_range": 0.02, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None, "use_cache": True,
    }  # fmt: skip


TOKENIZER_CONFIG = {
    "tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
    "add_bos_token": True, "add_eos_token": False, "legacy": True, "clean_up_tokenization_spaces": False,
    "model_max_length": 1024,
}  # fmt: skip
GENERATION_CONFIG = {"bos_token_id": 1, "eos_token_id": 2, "do_sample": False}


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def write_hf(work: Path, target: Path) -> None:
    """Write weights in fp16, configuration and tokenizer."""
    state = torch.load(work / "checkpoint.pt", weights_only=True)
    vocabulary = state["model.embed_tokens.weight"].shape[0]
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    save_file(
        {name: value.half().contiguous() for name, value in state.items()},
        target / "model.safetensors",
        metadata={"format": "pt"},
    )
    (target / "model.safetensors").chmod(0o644)  # safetensors writes it for the owner alone
    shutil.copyfile(work / "tokenizer.model", target / "tokenizer.model")
    write_json(target / "config.json", model_config(Shape(vocabulary=vocabulary)))
    write_json(target / "generation_config.json", GENERATION_CONFIG)
    write_json(target / "tokenizer_config.json", TOKENIZER_CONFIG)
    with tempfile.TemporaryDirectory() as scratch:
        AutoTokenizer.from_pretrained(target).save_pretrained(scratch)
        shutil.copyfile(Path(scratch) / "tokenizer.json", target / "tokenizer.json")


def write_gguf(hf: Path, converter: Path, target: Path) -> None:
    """Run llama.cpp's converter."""
    with tempfile.TemporaryDirectory() as scratch:
        # The converter takes licence and author from here, and would take a name from the folder.
        metadata = Path(scratch) / "metadata.json"
        write_json(
            metadata, {"general.name": NAME, "general.license": "apache-2.0", "general.languages": ["en"]}
        )
        subprocess.run(
            [sys.executable, converter, hf, "--outfile", target, "--outtype", "f16", "--metadata", metadata,
             "--model-name", NAME],
            check=True,
        )  # fmt: skip


def write_onnx(hf: Path, target: Path) -> None:
    """Run onnxruntime-genai's builder in fp32."""
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as cache:
        subprocess.run(
            [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", hf, "-o", target, "-p", "fp32",
             "-e", "cpu", "-c", cache],
            check=True,
        )  # fmt: skip
    clean_tokenizer_config(target / "tokenizer_config.json")


def clean_tokenizer_config(path: Path) -> None:
    """Drop what transformers notes about where the tokenizer was loaded from."""
    config = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, {key: value for key, value in config.items() if key not in ("name_or_path", "is_local")})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--converter", type=Path, required=True)
    parser.add_argument("--target", type=Path, default=MODEL_DIR)
    options = parser.parse_args()
    hf = options.target / "hf"
    write_hf(options.work, hf)
    write_gguf(hf, options.converter, options.target / f"{NAME}-f16.gguf")
    write_onnx(hf, options.target / "onnx")


if __name__ == "__main__":
    main()
