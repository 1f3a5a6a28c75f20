from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax as exact_log_softmax

from backends.domain.errors import JobFailed
from backends.domain.metric import ChoiceItem
from backends.quality.scoring import FLOOR, log_softmax, score_choices, token_log_probabilities

from .fakes import BigramEngine, patient, table

FINITE = st.floats(-1e4, 1e4, width=32)


@patient
@given(arrays(np.float32, (3, 7), elements=FINITE))
def test_log_softmax_is_scipys(logits: np.ndarray) -> None:
    expected = np.maximum(exact_log_softmax(logits.astype(np.float64), axis=1), FLOOR)
    np.testing.assert_allclose(log_softmax(logits), expected, rtol=1e-12, atol=1e-12)


def test_float16_logits_are_widened_first() -> None:
    logits = np.array([[60000.0, 59968.0]], dtype=np.float16)
    assert log_softmax(logits)[0, 0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_logit_that_is_no_number_fails_with_a_sentence(bad: float) -> None:
    logits = np.zeros((2, 5), dtype=np.float32)
    logits[1, 3] = bad
    with pytest.raises(JobFailed, match="not numbers"):
        token_log_probabilities(logits, [0, 0])


def test_a_row_masked_throughout_fails() -> None:
    with pytest.raises(JobFailed, match="not numbers"):
        log_softmax(np.full((1, 4), -np.inf, dtype=np.float32))


def test_one_masked_token_does_not() -> None:
    logits = np.array([[0.0, -np.inf]], dtype=np.float32)
    assert token_log_probabilities(logits, [1])[0] == FLOOR


def test_many_rows_are_scored_in_blocks_like_a_few() -> None:
    logits = np.random.default_rng(0).normal(size=(500, 400)).astype(np.float32)
    ids = list(np.random.default_rng(1).integers(0, 400, 500))
    together = token_log_probabilities(logits, ids)
    apart = [token_log_probabilities(logits[[row]], [ids[row]])[0] for row in range(500)]
    np.testing.assert_allclose(together, apart, rtol=1e-12)


@pytest.mark.parametrize("ids", [[0, 5], [0, -1]])
def test_an_id_outside_the_vocabulary_fails(ids: list[int]) -> None:
    with pytest.raises(JobFailed, match="vocabulary of 5"):
        token_log_probabilities(np.zeros((2, 5), dtype=np.float32), ids)


def test_an_engine_that_answers_too_few_positions_fails() -> None:
    with pytest.raises(JobFailed, match="2 positions where 3"):
        token_log_probabilities(np.zeros((2, 5), dtype=np.float32), [1, 1, 1])


def test_choices_are_scored_as_the_bigram_model_says(tmp_path: Path) -> None:
    logits = table()
    engine = BigramEngine(logits, tmp_path)
    item = ChoiceItem((1, 2), ((3, 4), (5,)), 0)
    exact = exact_log_softmax(logits.astype(np.float64), axis=1)
    scores = score_choices(engine.logits_of, item)
    assert scores.log_probabilities == pytest.approx((exact[2, 3] + exact[3, 4], exact[2, 5]))
    assert scores.tokens == (2, 1)


def test_choices_of_one_token_share_one_run(tmp_path: Path) -> None:
    engine = BigramEngine(table(), tmp_path)
    score_choices(engine.logits_of, ChoiceItem((1, 2), ((3,), (4,), (5,)), 0))
    assert engine.runs == [(1, 2)]


@patient
@given(
    st.lists(st.integers(0, 299), min_size=1, max_size=6),
    st.lists(st.integers(0, 299), min_size=1, max_size=6),
)
def test_a_continuation_is_scored_alike_wherever_the_query_ends(left: list[int], right: list[int]) -> None:
    """log P(right | left) = log P(right[1:] | left + right[0]) + log P(right[0] | left)."""
    logits = table()

    def score(query: list[int], choice: list[int]) -> float:
        item = ChoiceItem(tuple(query), (tuple(choice),), 0)
        return score_choices(lambda ids: logits[list(ids)], item).log_probabilities[0]

    parts = score(left, right[:1]) + (score(left + right[:1], right[1:]) if right[1:] else 0.0)
    assert score(left, right) == pytest.approx(parts, abs=1e-9)
