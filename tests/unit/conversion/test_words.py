"""What converters say at their end becomes a sentence; what they come from is unpacked with care."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from backends.domain.errors import BadInput, JobFailed, NoRoom
from backends.frameworks.converters import gguf_hf, reference
from backends.frameworks.converters.base import ConvertRequest
from backends.frameworks.converters.explaining import explain
from backends.frameworks.converters.fetching import WANTED, unpack
from backends.jobs.context import Context

TRACE = "Traceback (most recent call last):\n  File x, line 1\n"


@pytest.mark.parametrize(
    ("words", "kind", "sentence"),
    [
        (TRACE + "NotImplementedError: BPE pre-tokenizer was not recognized - update", BadInput, "tokenizer"),
        ("ERROR:hf-to-gguf:Model ToasterForCausalLM is not supported", BadInput, "ToasterForCausalLM"),
        (TRACE + "NotImplementedError: The x/y model is not currently supported.", BadInput, "x/y"),
        (
            TRACE + '    raise NotImplementedError(f"The {name} model is not currently supported.")\n'
            "NotImplementedError: The x/y model is not currently supported.",
            BadInput,
            "(x/y)",
        ),
        (
            TRACE
            + "ValueError: The current version of Transformers does not allow for the export of the model. "
            "Maximum required is 5.0, got: 5.5.4",
            BadInput,
            "does not know this architecture",
        ),
        (
            TRACE + "ValueError: The checkpoint has model type `toast` but Transformers does not recognize",
            BadInput,
            "toast",
        ),
        (
            TRACE + "AttributeError: 'Gemma3TextConfig' object has no attribute 'rope_local_base_freq'",
            BadInput,
            "Gemma3Text",
        ),
        (TRACE + "ValueError: please pass the argument `trust_remote_code=True`", BadInput, "remote code"),
        (
            TRACE + "  assert max(tokenizer.vocab.values()) < vocab_size\nAssertionError",
            BadInput,
            "more tokens",
        ),
        (TRACE + "FileNotFoundError: File not found: /m/tokenizer.model", BadInput, "no tokenizer"),
        (TRACE + "  tokenizer = AutoTokenizer.from_pretrained(x)\nKeyError: 'a'", BadInput, "no tokenizer"),
        (TRACE + "ValueError: Can not map tensor 'lora.weight'", BadInput, "lora.weight"),
        (TRACE + "OSError: [Errno 28] No space left on device", NoRoom, "disk is full"),
        (
            TRACE + "ValueError: Unrecognized configuration class <class 'transformers.models.t5.T5Config'> "
            "for this kind of AutoModel: AutoModelForCausalLM.\nModel type should be one of BertConfig.",
            BadInput,
            "(T5Config)",
        ),
        (TRACE + "MemoryError", NoRoom, "Memory ran out"),
        (TRACE + "ZeroDivisionError: division by zero", JobFailed, "could not convert"),
    ],
)
def test_the_end_of_a_converter_is_a_sentence(words: str, kind: type[Exception], sentence: str) -> None:
    error = explain("The converter", 1, words)
    assert type(error) is kind
    assert sentence in error.message
    assert error.remedy
    assert "Traceback" not in str(error)


def test_a_converter_that_was_killed_ran_out_of_memory() -> None:
    assert "Memory ran out" in explain("The converter", -9, "").message


def test_an_early_mention_of_a_tokenizer_is_no_reason() -> None:
    words = "INFO: loading tokenizer.model\n" + TRACE + "ZeroDivisionError"
    assert "could not convert" in explain("The converter", 1, words).message


def test_what_the_reference_cannot_load_is_a_sentence(tmp_path: Path) -> None:
    class Auto:
        @staticmethod
        def from_pretrained(*_: object, **__: object) -> None:
            raise ImportError("This model needs the package timm.\nInstall it.")

    library = SimpleNamespace(AutoModelForCausalLM=Auto)
    with pytest.raises(JobFailed, match=r"cannot load .*: This model needs the package timm") as failed:
        reference._model(tmp_path, SimpleNamespace(float32="float32"), library)
    assert failed.value.remedy


def test_a_model_in_several_gguf_files_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    source = tmp_path / "m-00001-of-00003.gguf"
    request = ConvertRequest("gguf-hf", source, tmp_path / "out", "m", "Q8_0", 0)
    with pytest.raises(BadInput, match="one of 3 files") as refused:
        gguf_hf.convert(request, Context(lambda _: None))
    assert "--merge" in refused.value.remedy
    assert not request.output.exists()


def archive(path: Path, *names: str) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"code"))
    return path


INSIDE = "llama_cpp_python-1.0/vendor/llama.cpp"


def test_only_the_converter_is_unpacked(tmp_path: Path) -> None:
    made = archive(
        tmp_path / "source.tar.gz",
        f"{INSIDE}/convert_hf_to_gguf.py",
        f"{INSIDE}/conversion/base.py",
        f"{INSIDE}/gguf-py/gguf/__init__.py",
        f"{INSIDE}/conversion/../../../../evil.py",
        f"{INSIDE}/src/llama.cpp",
        "/etc/evil.py",
    )
    target = tmp_path / "a" / "target"
    unpack(made, target)
    assert sorted(path.name for path in target.iterdir()) == sorted(WANTED)
    assert not list(tmp_path.rglob("evil.py"))


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08half"])
def test_a_damaged_archive_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "source.tar.gz"
    path.write_bytes(content)
    with pytest.raises(JobFailed, match=r"source\.tar\.gz"):
        unpack(path, tmp_path / "target")


def test_an_archive_without_the_converter_is_a_sentence(tmp_path: Path) -> None:
    made = archive(tmp_path / "source.tar.gz", f"{INSIDE}/README.md")
    with pytest.raises(JobFailed, match="holds no converter"):
        unpack(made, tmp_path / "target")
