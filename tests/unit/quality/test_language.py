"""Perplexity, the compact reference and the harness for language models, over a bigram model."""

from __future__ import annotations

import json
import math
import shutil
import tracemalloc
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import entropy

from backends.domain.errors import BadInput, JobCancelled, JobFailed
from backends.domain.metric import LogitsRef
from backends.quality import harness, texts
from backends.quality.perplexity import Windows, cut_windows, perplexity, score_windows
from backends.quality.reference import (
    TOP,
    Reference,
    compare,
    read_reference,
    summarise_window,
    write_reference,
)

from .fakes import BOS, VOCABULARY, BigramEngine, Job, table

LENGTH = 64
TEXT = "Once there was a small bird. It sang every day, and the fox listened. " * 40


@pytest.fixture
def windows() -> Windows:
    return cut_windows(list(TEXT.encode()), count=8, length=LENGTH, bos_id=BOS)


@pytest.fixture
def reference(tmp_path: Path, windows: Windows) -> Reference:
    return write_reference(BigramEngine(table(), tmp_path), windows, tmp_path / "reference.npz", Job())


def test_windows_follow_one_another_and_start_with_bos(windows: Windows) -> None:
    text = TEXT.encode()
    assert windows.ids[0] == (BOS, *text[1:LENGTH])
    assert windows.ids[1] == (BOS, *text[LENGTH + 1 : 2 * LENGTH])
    assert windows.targets(1) == tuple(text[LENGTH + 32 : 2 * LENGTH])
    assert windows.tokens == 8 * 32


def test_the_standard_windows_score_4096_tokens() -> None:
    assert cut_windows(range(20_000)).tokens == 4096


def test_a_short_text_gives_fewer_windows_and_too_short_a_one_none() -> None:
    assert len(cut_windows(range(3 * 512 + 1)).ids) == 3
    with pytest.raises(BadInput, match="1,023 tokens") as caught:
        cut_windows(range(1023))
    assert "1,024" in caught.value.remedy


def test_perplexity_is_that_of_the_bigram_table(tmp_path: Path, windows: Windows) -> None:
    exact = log_softmax(table().astype(np.float64), axis=1)
    logs = [exact[before, after] for window in windows.ids for before, after in pairwise(window[31:])]
    found = perplexity(score_windows(BigramEngine(table(), tmp_path), windows, Job()))
    assert found.estimate == pytest.approx(math.exp(-np.mean(logs)))
    assert found.low < found.estimate < found.high
    assert found.samples == 8


def test_logits_files_are_gone_after_use(tmp_path: Path, windows: Windows) -> None:
    score_windows(BigramEngine(table(), tmp_path), windows, Job())
    assert list(tmp_path.iterdir()) == []


def test_a_model_does_not_diverge_from_itself(tmp_path: Path, reference: Reference) -> None:
    divergence = compare(BigramEngine(table(), tmp_path), reference, Job())
    assert divergence.kl.max() < 1e-6
    assert divergence.same_top.all() and not divergence.flipped.any()
    fidelity = divergence.fidelity()
    assert fidelity.perplexity_ratio is not None and fidelity.perplexity_ratio.estimate == 1.0
    assert fidelity.tokens == 8 * 32


def test_divergence_is_the_true_one_over_the_top_and_never_above(
    tmp_path: Path, reference: Reference
) -> None:
    """The vocabulary of 300 leaves 44 tokens in the rest."""
    noisy = table(noise=0.5)
    found = compare(BigramEngine(noisy, tmp_path), reference, Job()).kl
    before = [token for window in reference.windows.ids for token in window[31:-1]]
    exact = entropy(
        np.exp(log_softmax(table().astype(float), axis=1))[before],
        np.exp(log_softmax(noisy.astype(float), axis=1))[before],
        axis=1,
    )
    np.testing.assert_allclose(found.ravel(), exact, atol=2e-3)
    assert (found.ravel() <= exact + 1e-6).all()


def test_more_noise_diverges_more(tmp_path: Path, reference: Reference) -> None:
    means, agreements = [], []
    for noise in (0.0, 0.1, 0.5, 2.0):
        fidelity = compare(BigramEngine(table(noise=noise), tmp_path), reference, Job()).fidelity()
        assert fidelity.kl_mean and fidelity.top1_agreement and fidelity.kl_p99 is not None
        assert fidelity.kl_p99 >= fidelity.kl_mean.estimate
        means.append(fidelity.kl_mean.estimate)
        agreements.append(fidelity.top1_agreement.estimate)
    assert means == sorted(means) and means[3] > 10 * means[1]
    assert agreements == sorted(agreements, reverse=True)


@pytest.mark.parametrize("vocabulary", [4, TOP, TOP + 1, 5000])
def test_kept_mass_adds_up_to_one(vocabulary: int) -> None:
    logits = np.random.default_rng(0).normal(0, 4, (33, vocabulary)).astype(np.float32)
    kept, size = summarise_window(logits, [1] * 16)
    assert size == vocabulary
    mass = np.exp(kept.log_probabilities.astype(float)).sum(axis=1) + np.exp(kept.log_rest.astype(float))
    np.testing.assert_allclose(mass, 1.0, atol=1e-6)
    assert (np.diff(kept.log_probabilities, axis=1) <= 0).all()
    assert (kept.ids[:, 0] == logits[-17:-1].argmax(axis=1)).all()


def test_of_equal_tokens_the_lowest_id_leads_as_in_argmax(tmp_path: Path, windows: Windows) -> None:
    flat = BigramEngine(np.zeros((VOCABULARY, VOCABULARY), np.float32), tmp_path)
    reference = write_reference(flat, windows, tmp_path / "flat.npz", Job())
    assert compare(flat, reference, Job()).same_top.all()


def test_a_reference_is_read_back_as_written(reference: Reference) -> None:
    again = read_reference(reference.path)
    assert again == reference
    assert not list(reference.path.parent.glob("*.part"))
    np.testing.assert_array_equal(again.window(3).ids, reference.window(3).ids)


def test_extra_memory_stays_below_a_hundredth_of_full_logits(tmp_path: Path) -> None:
    vocabulary, windows = 32_000, cut_windows([1] * 1024, count=2)
    logits = tmp_path / "source.npy"
    np.save(logits, np.random.default_rng(0).normal(size=(512, vocabulary)).astype(np.float32))

    class Mapped(BigramEngine):
        def logits(self, token_ids: object) -> object:  # type: ignore[override]
            path = tmp_path / "copy.npy"
            shutil.copy(logits, path)
            return LogitsRef(path, 512, vocabulary)

    engine = Mapped(table(), tmp_path)
    tracemalloc.start()
    try:
        reference = write_reference(engine, windows, tmp_path / "reference.npz", Job())
        compare(engine, reference, Job())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.01 * 4096 * vocabulary * 4


def test_another_tokenizer_is_bad_input(tmp_path: Path, reference: Reference) -> None:
    with pytest.raises(BadInput, match="another tokenizer"):
        compare(BigramEngine(table(), tmp_path, shift=1), reference, Job())


def test_another_vocabulary_is_bad_input(tmp_path: Path, reference: Reference) -> None:
    wider = np.pad(table(), ((0, 10), (0, 10)))
    with pytest.raises(BadInput, match="vocabulary of 300 tokens, this model one of 310"):
        compare(BigramEngine(wider, tmp_path), reference, Job())


@pytest.mark.parametrize("size", [0, 10, 1000, -200])
def test_a_truncated_reference_is_bad_input(reference: Reference, size: int) -> None:
    content = reference.path.read_bytes()
    reference.path.write_bytes(content[:size])
    with pytest.raises(BadInput, match="damaged"):
        read_reference(reference.path)


def test_a_missing_reference_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no reference"):
        read_reference(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [b"text", b"\x93NUMPY"])
def test_another_file_is_bad_input(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="damaged"):
        read_reference(path)
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(BadInput, match="damaged"):
        read_reference(tmp_path / "array.npy")


def test_flipped_bytes_never_pass_unnoticed_as_traceback(tmp_path: Path, reference: Reference) -> None:
    """zipfile's checksums see them; whatever is raised must be ours."""
    content = bytearray(reference.path.read_bytes())
    engine = BigramEngine(table(), tmp_path)
    for position in range(5, len(content), len(content) // 40):
        damaged = tmp_path / "flipped.npz"
        damaged.write_bytes(content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :])
        try:
            compare(engine, read_reference(damaged), Job())
        except BadInput as error:
            assert "flipped.npz" in error.message


def rewritten(reference: Reference, **arrays: np.ndarray) -> Path:
    with np.load(reference.path) as archive:
        content = {name: archive[name] for name in archive.files}
    path = reference.path.with_name("other.npz")
    np.savez(path, **{**content, **arrays})
    return path


def test_a_reference_whose_ids_were_changed_is_damaged(reference: Reference) -> None:
    windows = np.array(reference.windows.ids, dtype=np.int32)
    windows[0, 5] += 1
    with pytest.raises(BadInput, match="damaged"):
        read_reference(rewritten(reference, windows=windows))


def test_a_reference_with_strange_arrays_is_damaged(reference: Reference) -> None:
    for name, array in (("ids_000", np.full((32, TOP), VOCABULARY, np.int32)), ("log_rest_000", np.zeros(3))):
        with pytest.raises(BadInput, match="damaged"):
            read_reference(rewritten(reference, **{name: array})).window(0)


def test_a_pickle_is_never_loaded(tmp_path: Path, reference: Reference) -> None:
    with zipfile.ZipFile(tmp_path / "evil.npz", "w") as archive, archive.open("meta.npy", "w") as entry:
        np.lib.format.write_array(entry, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match="damaged"):
        read_reference(tmp_path / "evil.npz")


def test_another_version_is_said(reference: Reference) -> None:
    with np.load(reference.path) as archive:
        meta = {**json.loads(bytes(archive["meta"])), "version": 99}
    path = rewritten(reference, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8))
    with pytest.raises(BadInput, match="another version"):
        read_reference(path)


def test_nan_logits_leave_no_reference_behind(tmp_path: Path, windows: Windows) -> None:
    with pytest.raises(JobFailed, match="not numbers"):
        write_reference(BigramEngine(table() * np.nan, tmp_path), windows, tmp_path / "reference.npz", Job())
    assert list(tmp_path.iterdir()) == []


def test_a_cancel_leaves_no_reference_behind(tmp_path: Path, windows: Windows) -> None:
    with pytest.raises(JobCancelled):
        write_reference(BigramEngine(table(), tmp_path), windows, tmp_path / "r.npz", Job(cancel_after=2))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path, windows: Windows) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JobFailed, match="cannot be written"):
        write_reference(BigramEngine(table(), tmp_path), windows, tmp_path / "file" / "r.npz", Job())


@pytest.fixture
def data(tmp_path: Path) -> tuple[Path, Path]:
    """A task file whose gold answers the bigram model gives, and a text."""
    model = BigramEngine(table(), tmp_path)
    lines = []
    rng = np.random.default_rng(4)
    for _ in range(200):
        item = {
            "query": chr(rng.integers(97, 123)),
            "choices": [chr(c) for c in rng.choice(26, 3, False) + 97],
            "gold": 0,
        }
        lines.append(item)
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text("\n".join(map(json.dumps, lines)))
    material = harness.language_material(model, tasks)
    answers = harness.judge_language(model, material, None, Job()).answers
    assert answers is not None
    for line, answer, luck in zip(lines, answers.chosen, rng.random(200), strict=True):
        line["gold"] = answer if luck < 0.9 else (answer + 1) % 3
    tasks.write_text("\n".join(map(json.dumps, lines)))
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    return tasks, text


def judged(
    folder: Path, data: tuple[Path | None, Path | None], noise: float
) -> tuple[harness.Quality, harness.Quality]:
    original, candidate = BigramEngine(table(), folder), BigramEngine(table(noise=noise), folder)
    material = harness.language_material(original, *data, window_tokens=LENGTH)
    first, baseline = harness.judge_language_original(original, material, folder / "reference.npz", Job())
    return first, harness.judge_language(candidate, material, baseline, Job())


def test_the_harness_judges_original_and_candidate(tmp_path: Path, data: tuple[Path, Path]) -> None:
    first, second = judged(tmp_path, data, noise=0.5)
    assert first.score is not None and second.score is not None
    assert 0.8 < first.score.accuracy.estimate < 1 and first.score.ratio_to_original is None
    assert second.score.kind == "accuracy" and second.score.original_correct == first.score.correct
    assert second.score.flipped and second.score.ratio_to_original and second.score.mcnemar_p is not None
    assert second.score.normalised_accuracy is not None
    assert first.fidelity and second.fidelity and second.fidelity.perplexity_ratio
    ratio = second.fidelity.perplexity.estimate / first.fidelity.perplexity.estimate
    assert second.fidelity.perplexity_ratio.estimate == pytest.approx(ratio)


def test_a_candidate_like_the_original_keeps_everything(tmp_path: Path, data: tuple[Path, Path]) -> None:
    first, second = judged(tmp_path, data, noise=0.0)
    assert first.score is not None and second.score is not None and second.score.ratio_to_original is not None
    assert second.score.ratio_to_original.estimate == 1.0 and second.score.flipped == 0.0
    assert first.answers == second.answers


def test_without_labels_it_is_called_fidelity(tmp_path: Path, data: tuple[Path, Path]) -> None:
    first, second = judged(tmp_path, (None, data[1]), noise=0.5)
    assert first.score is None
    assert second.score is not None and second.score.kind == "fidelity"
    assert second.fidelity is not None and second.score.accuracy == second.fidelity.top1_agreement


def test_without_a_text_there_are_only_answers(tmp_path: Path, data: tuple[Path, Path]) -> None:
    first, second = judged(tmp_path, (data[0], None), noise=0.5)
    assert first.fidelity is None and second.fidelity is None and second.score is not None


def test_without_an_original_a_candidate_stands_alone(tmp_path: Path, data: tuple[Path, Path]) -> None:
    engine = BigramEngine(table(), tmp_path)
    material = harness.language_material(engine, *data, limit=50, window_tokens=LENGTH)
    quality = harness.judge_language(engine, material, None, Job())
    assert quality.score is not None and quality.score.items == 50 and quality.score.ratio_to_original is None
    assert quality.fidelity is not None and quality.fidelity.perplexity_ratio is None


@pytest.mark.parametrize("content", [b"", b"\xff\xfe"])
def test_a_text_that_is_none_is_bad_input(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        harness.language_material(BigramEngine(table(), tmp_path), text=path)
    with pytest.raises(BadInput, match="cannot be read"):
        texts.read_text(tmp_path / "none.txt")
