"""GGUF against the gguf package, and headers that lie."""

from __future__ import annotations

import os
import struct
import time
from collections import Counter
from pathlib import Path

import gguf
import numpy as np
import pytest

from backends.assessment.assess import assess
from backends.assessment.ggml import FILE_TYPES, TENSOR_TYPES, file_type_label, gguf_precision
from backends.assessment.gguf import read_header
from backends.domain.errors import BadInput
from backends.domain.model import ModelFormat, ModelKind
from tests.unit.assessment.builders import SHARED, make_gguf

STORIES = SHARED / "stories260k" / "stories260K.gguf"


def test_tensor_types_are_those_of_the_gguf_package() -> None:
    ours = {t.name: (n, t.block, t.nbytes) for n, t in TENSOR_TYPES.items()}
    theirs = {q.name: (q.value, *sizes) for q, sizes in gguf.GGML_QUANT_SIZES.items()}
    assert ours == theirs


def test_file_types_are_those_of_the_gguf_package() -> None:
    theirs = {f.value: f.name.removeprefix("MOSTLY_").removeprefix("ALL_") for f in gguf.LlamaFileType}
    assert theirs == {**FILE_TYPES, 1024: "GUESSED"}


@pytest.mark.parametrize("kind", sorted(q.name for q in gguf.GGML_QUANT_SIZES))
def test_counts_types_and_bits_agree_with_the_gguf_reader(tmp_path: Path, kind: str) -> None:
    path = make_gguf(tmp_path / "m.gguf", types=(kind,), file_type=None, layers=3)
    tensors = gguf.GGUFReader(path).tensors
    contents = assess(path).contents
    assert contents.tensor_types == Counter(t.tensor_type.name for t in tensors)
    assert contents.parameters == sum(int(t.n_elements) for t in tensors)
    assert contents.weight_bytes == sum(int(t.n_bytes) for t in tensors)
    assert contents.bits_per_weight == pytest.approx(8 * contents.weight_bytes / contents.parameters)


def test_offsets_and_dimensions_agree_with_the_gguf_reader(tmp_path: Path) -> None:
    path = make_gguf(tmp_path / "m.gguf")
    header = read_header(path)
    for ours, theirs in zip(header.tensors, gguf.GGUFReader(path).tensors, strict=True):
        assert ours.name == theirs.name
        assert ours.dimensions == tuple(map(int, theirs.shape))
        assert header.data_offset + ours.offset == int(theirs.data_offset)


def test_profile_of_a_small_model(tmp_path: Path) -> None:
    profile = assess(make_gguf(tmp_path / "tiny.gguf"))
    assert (profile.format, profile.kind, profile.architecture) == (
        ModelFormat.GGUF,
        ModelKind.LANGUAGE,
        "llama",
    )
    assert (profile.name, profile.licence, profile.tokenizer) == ("Tiny", "mit", "sentencepiece")
    assert (profile.layers, profile.heads, profile.kv_heads, profile.head_dim) == (2, 4, 2, 64)
    assert (profile.context_length, profile.vocabulary, profile.hidden_size) == (512, 8, 256)
    assert profile.precision == "Q4_K_M"
    assert profile.warnings == ()
    assert profile.kv_cache_bytes(512) == 2 * 2 * 2 * 64 * 512 * 2


def test_experts_and_image_tensors_are_recognised(tmp_path: Path) -> None:
    profile = assess(make_gguf(tmp_path / "m.gguf", extra={"llama.expert_count": 8}))
    assert profile.experts == 8
    assert not profile.multimodal
    assert assess(make_gguf(tmp_path / "n.gguf", extra={"llama.expert_count": 0})).experts is None


def test_values_of_each_layer_give_their_largest(tmp_path: Path) -> None:
    path = make_gguf(tmp_path / "m.gguf", extra={"llama.expert_count": [0, 16]})
    assert assess(path).experts == 16


def test_vision_tensors_make_a_model_multimodal(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "v.gguf", "qwen2vl")
    writer.add_tensor("v.blk.0.attn_q.weight", np.ones((4, 4), np.float32))
    _finish(writer)
    assert assess(tmp_path / "v.gguf").multimodal


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.skipif(not STORIES.exists(), reason="shared/data is not on this machine")
def test_a_file_that_other_readers_stumble_over() -> None:
    """Its padding id 4294967295 makes some gguf readers raise; facts as in DATA.md."""
    profile = assess(STORIES)
    assert profile.contents.tensor_types == {"F32": 48}
    assert profile.contents.bits_per_weight == 32.0
    assert (profile.layers, profile.heads, profile.kv_heads, profile.vocabulary) == (5, 8, 4, 512)
    assert profile.precision == "F32"


@pytest.mark.parametrize(
    ("label", "types", "expected", "warns"),
    [
        ("Q4_K_M", {"Q4_K": 31, "Q6_K": 5, "F32": 11}, "Q4_K_M", False),
        ("Q4_K_M", {"F16": 5, "F32": 11, "Q5_0": 29, "Q8_0": 3}, "Q5_0/F16/Q8_0 mixed", True),
        ("Q4_K_M", {"Q5_0": 133, "Q8_0": 13, "Q4_K": 12, "Q6_K": 12, "F32": 121}, None, True),
        ("Q4_K_M", {"Q4_K": 100, "Q5_0": 12, "F32": 11}, "Q4_K_M", True),
        ("Q4_K_M", {"Q2_K": 31, "F32": 11}, "Q2_K", True),
        ("Q2_K", {"Q2_K": 30, "Q3_K": 60, "Q6_K": 1, "F32": 40}, "Q2_K", False),
        ("Q8_0", {"Q8_0": 31, "F32": 11}, "Q8_0", False),
        ("F16", {"F16": 31, "F32": 31}, "F16", False),
        ("F16", {"F32": 48}, "F32", True),
        ("F32", {"F32": 48}, "F32", False),
        ("BF16", {"BF16": 3, "F32": 1}, "BF16", False),
        ("F16", {"F16": 100, "Q8_0": 1, "F32": 5}, "F16/Q8_0 mixed", True),
        ("MXFP4_MOE", {"MXFP4": 72, "Q8_0": 100, "F32": 20}, "MXFP4_MOE", False),
        ("", {"Q8_0": 10, "F32": 4}, "Q8_0", False),
        ("", {}, "empty", False),
    ],
)
def test_the_label_is_what_is_inside(
    label: str, types: dict[str, int], expected: str | None, warns: bool
) -> None:
    found, warnings = gguf_precision(label, types)
    assert found == (expected or "Q5_0/Q8_0/Q4_K/Q6_K mixed")
    assert bool(warnings) is warns


def test_a_guessed_file_type_is_a_file_type() -> None:
    assert file_type_label(1024 + 15) == "Q4_K_M"
    assert file_type_label(999) == file_type_label(None) == ""


def test_a_lying_label_is_reported(tmp_path: Path) -> None:
    profile = assess(make_gguf(tmp_path / "m.gguf", types=("Q5_0", "Q8_0"), file_type=15))
    assert profile.precision == "Q5_0/Q8_0 mixed"
    assert "Q4_K_M" in profile.warnings[0]


# --- headers that lie -------------------------------------------------------------------------------------


def raw_gguf(
    path: Path,
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    tensor_count: int = 1,
    entry_count: int = 1,
    entries: bytes | None = None,
    tensor: bytes | None = None,
    data: int = 1024,
) -> Path:
    """A GGUF by hand, so that every number can be wrong."""
    if entries is None:
        entries = _text(b"general.architecture") + struct.pack("<I", 8) + _text(b"llama")
    if tensor is None:
        tensor = tensor_record()
    head = magic + struct.pack("<IQQ", version, tensor_count, entry_count) + entries + tensor
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(data))
    return path


def _text(text: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if length is None else length) + text


def tensor_record(
    name: bytes = b"w", dimensions: tuple[int, ...] = (256,), kind: int = 0, offset: int = 0
) -> bytes:
    count = len(dimensions)
    return _text(name) + struct.pack(f"<I{count}QIQ", count, *dimensions, kind, offset)


def test_the_handmade_file_is_good(tmp_path: Path) -> None:
    assert assess(raw_gguf(tmp_path / "m.gguf")).contents.parameters == 256


LIES: dict[str, dict[str, object]] = {
    "version 1": {"version": 1},
    "version of the future": {"version": 4},
    "other byte order": {"version": 3 << 24},
    "absurd tensor count": {"tensor_count": 2**62},
    "absurd entry count": {"entry_count": 2**62},
    "tensor count beyond the file": {"tensor_count": 200_000},
    "no tensors": {"tensor_count": 0, "tensor": b""},
    "text longer than the file": {
        "entries": _text(b"general.architecture") + struct.pack("<I", 8) + _text(b"llama", 2**40)
    },
    "negative text length": {"entries": _text(b"general.architecture", 2**64 - 1)},
    "key longer than allowed": {"entries": _text(bytes(70_000)) + struct.pack("<IB", 7, 1)},
    "key that is no text": {"entries": _text(b"\xff\xfe") + struct.pack("<IB", 7, 1)},
    "unknown value type": {"entries": _text(b"k") + struct.pack("<I", 77)},
    "array of arrays": {"entries": _text(b"k") + struct.pack("<IIQ", 9, 9, 1)},
    "array longer than the file": {"entries": _text(b"k") + struct.pack("<IIQ", 9, 4, 2**60)},
    "absurd vocabulary": {"entries": _text(b"k") + struct.pack("<IIQ", 9, 8, 2**40)},
    "same key twice": {
        "entry_count": 2,
        "entries": 2 * (_text(b"general.architecture") + struct.pack("<I", 8) + _text(b"llama")),
    },
    "no architecture": {"entries": _text(b"k") + struct.pack("<IB", 7, 1)},
    "negative layer count": {
        "entry_count": 2,
        "entries": _text(b"general.architecture")
        + struct.pack("<I", 8)
        + _text(b"llama")
        + _text(b"llama.block_count")
        + struct.pack("<Ii", 5, -3),
    },
    "alignment that is no power of two": {"entries": _text(b"general.alignment") + struct.pack("<II", 4, 24)},
    "unknown tensor type": {"tensor": tensor_record(kind=200)},
    "retired tensor type": {"tensor": tensor_record(kind=4)},
    "no dimensions": {"tensor": tensor_record(dimensions=())},
    "too many dimensions": {"tensor": tensor_record(dimensions=(1,) * 5)},
    "row that fills no block": {"tensor": tensor_record(dimensions=(100,), kind=12)},
    "more elements than memory": {"tensor": tensor_record(dimensions=(2**60, 2**60))},
    "data beyond the end": {"tensor": tensor_record(dimensions=(512,))},
    "offset beyond the end": {"tensor": tensor_record(offset=2**50)},
    "offset not aligned": {"tensor": tensor_record(dimensions=(8,), offset=4)},
    "same tensor twice": {"tensor_count": 2, "tensor": tensor_record() + tensor_record(offset=0)},
    "tensors that overlap": {"tensor_count": 2, "tensor": tensor_record() + tensor_record(b"v", offset=512)},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_header_is_bad_input(tmp_path: Path, lie: str) -> None:
    path = raw_gguf(tmp_path / "liar.gguf", **LIES[lie])  # type: ignore[arg-type]
    with pytest.raises(BadInput) as caught:
        assess(path)
    assert "liar.gguf" in caught.value.message
    assert caught.value.remedy


def test_wrong_magic_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"liar\.gguf is not a gguf file.*XXXX"):
        assess(raw_gguf(tmp_path / "liar.gguf", magic=b"XXXX"))
    with pytest.raises(BadInput, match="old GGML file"):
        assess(raw_gguf(tmp_path / "old.bin", magic=b"tjgg"))


def test_a_truncated_file_says_so_wherever_it_ends(tmp_path: Path) -> None:
    whole = make_gguf(tmp_path / "m.gguf").read_bytes()
    short = tmp_path / "short.gguf"
    for length in (4, 7, 23, 60, 200, len(whole) // 2, len(whole) - 1):
        short.write_bytes(whole[:length])
        with pytest.raises(BadInput, match=r"short\.gguf"):
            assess(short)


def test_tokenizer_and_embedding_must_agree(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="do not belong together"):
        assess(make_gguf(tmp_path / "m.gguf", tokens=8, rows=9))


def test_layers_that_are_not_there(tmp_path: Path) -> None:
    path = make_gguf(tmp_path / "m.gguf")
    key = b"llama.block_count" + struct.pack("<I", 4)
    path.write_bytes(path.read_bytes().replace(key + struct.pack("<I", 2), key + struct.pack("<I", 9)))
    with pytest.raises(BadInput, match="claims 9 layers but holds 2"):
        assess(path)


@pytest.mark.parametrize("kind", ["adapter", "imatrix"])
def test_what_is_no_model_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(BadInput, match="not a model"):
        assess(make_gguf(tmp_path / "m.gguf", extra={"general.type": kind}))


# --- size and speed ---------------------------------------------------------------------------------------


def test_a_long_vocabulary_is_read_quickly(tmp_path: Path) -> None:
    path = make_gguf(tmp_path / "m.gguf", tokens=150_000, rows=150_000)
    assert _best_of_three(path) < 0.5


def test_tensor_data_are_not_read(tmp_path: Path) -> None:
    """Four gigabytes, of which nearly all is a hole."""
    gigabytes = 4
    path = raw_gguf(tmp_path / "m.gguf", tensor=tensor_record(dimensions=(2**28 * gigabytes,)))
    os.truncate(path, path.stat().st_size + gigabytes * 2**30)
    assert _best_of_three(path) < 0.5
    assert assess(path).contents.weight_bytes == gigabytes * 2**30


def _best_of_three(path: Path) -> float:
    """Seconds of work; what else the machine does is not counted."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        assess(path)
        taken.append(time.process_time() - start)
    return min(taken)


# --- models in several files ------------------------------------------------------------------------------


def _split(folder: Path) -> list[Path]:
    writer = gguf.GGUFWriter(folder / "m.gguf", "llama", split_max_tensors=1)
    for name in ("a", "b", "c"):
        writer.add_tensor(name, np.ones((4, 8), np.float32))
    _finish(writer)
    return sorted(folder.glob("m-*.gguf"))


def test_all_shards_are_counted(tmp_path: Path) -> None:
    shards = _split(tmp_path)
    profile = assess(tmp_path)
    assert profile.path == shards[0]
    assert profile.files == tuple(shards)
    assert profile.contents.parameters == 96


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    shards = _split(tmp_path)
    shards[2].unlink()
    with pytest.raises(BadInput, match=r"m-00003-of-00003\.gguf.*missing"):
        assess(shards[0])


def test_a_later_shard_asks_for_the_first(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="one part of a model"):
        assess(_split(tmp_path)[1])
