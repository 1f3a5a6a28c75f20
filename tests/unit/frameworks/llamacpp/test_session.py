"""The session over a decoder of the test's own: what is computed, and what is not computed twice."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from backends.domain.errors import BadInput, JobCancelled
from backends.domain.events import Event
from backends.frameworks.llamacpp.account import Account
from backends.frameworks.llamacpp.decoder import Decoder, Ids, Logits
from backends.frameworks.llamacpp.model import Model
from backends.frameworks.llamacpp.session import LlamaSession

VOCABULARY = 16


class FakeModel:
    vocabulary = VOCABULARY
    bos_id = 1


class FakeDecoder:
    """Predicts the sum of all ids so far; remembers what it was fed."""

    context = 128
    batch = 8

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.fed: list[int] = []  # how many ids each call brought

    def clear(self) -> None:
        self.ids = []

    def keep(self, tokens: int) -> bool:
        self.ids = self.ids[:tokens]
        return True

    def feed(self, ids: Ids) -> None:
        assert len(ids) <= self.batch
        self.ids.extend(ids.tolist())
        self.fed.append(len(ids))

    def feed_one(self, token: int) -> None:
        self.feed(np.array([token], np.int32))

    def feed_for_rows(self, ids: Ids, out: Logits) -> None:
        for index, token in enumerate(ids):
            self.ids.append(int(token))
            out[index] = self.last_row()
        self.fed.append(len(ids))

    def last_row(self) -> Logits:
        return np.eye(VOCABULARY, dtype=np.float32)[sum(self.ids) % VOCABULARY]

    def wait(self) -> None:
        pass


class Job:
    def __init__(self, lives: int = 1000) -> None:
        self.lives = lives

    def emit(self, event: Event) -> None:
        pass

    def check_cancelled(self) -> None:
        self.lives -= 1
        if self.lives < 0:
            raise JobCancelled


@pytest.fixture
def decoder() -> FakeDecoder:
    return FakeDecoder()


@pytest.fixture
def session(decoder: FakeDecoder) -> LlamaSession:
    account = Account("CPU", 1, (), (), 0)
    return LlamaSession(cast(Model, FakeModel()), cast(Decoder, decoder), account)


def test_a_prompt_goes_in_batches_and_then_token_by_token(
    session: LlamaSession, decoder: FakeDecoder
) -> None:
    measured = session.generate(tuple(range(1, 12)), 3, Job())
    assert decoder.fed == [8, 3, 1, 1]  # the last token is chosen and needs no further step
    assert measured.token_ids == (66 % 16, 132 % 16, 264 % 16)
    assert measured.prompt_tokens == 11
    assert len(measured.token_times_s) == 3


def test_every_generation_starts_from_nothing(session: LlamaSession) -> None:
    first = session.generate((3, 4), 4, Job())
    session.logits((9, 9))
    assert session.generate((3, 4), 4, Job()).token_ids == first.token_ids


def test_a_cancel_is_heard_between_batches_and_tokens(session: LlamaSession, decoder: FakeDecoder) -> None:
    with pytest.raises(JobCancelled):
        session.generate(tuple(range(1, 12)), 5, Job(lives=3))
    assert len(decoder.fed) <= 3


def test_what_two_calls_share_is_computed_once(session: LlamaSession, decoder: FakeDecoder) -> None:
    first = session.logits((2, 3, 4, 5))
    second = session.logits((2, 3, 7))
    again = session.logits((2, 3, 4, 5))
    assert decoder.fed == [4, 1, 2]
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(second.argmax(axis=1), [2, 5, 12])
    assert decoder.ids == [2, 3, 4, 5]


def test_a_lone_common_beginning_is_no_reason_to_split(session: LlamaSession, decoder: FakeDecoder) -> None:
    session.logits((1, 3, 4, 5))
    session.logits((1, 9, 9, 9))
    assert decoder.fed == [4, 4]


def test_a_result_that_the_caller_changes_stays_right(session: LlamaSession) -> None:
    session.logits((2, 3))[:] = -1
    np.testing.assert_array_equal(session.logits((2, 3, 4)).argmax(axis=1), [2, 5, 9])


def test_generating_forgets_what_logits_kept(session: LlamaSession, decoder: FakeDecoder) -> None:
    session.logits((2, 3, 4))
    session.generate((1,), 2, Job())
    np.testing.assert_array_equal(session.logits((2, 3, 4)).argmax(axis=1), [2, 5, 9])


def test_feeding_chooses_nothing_and_may_start_from_nothing(
    session: LlamaSession, decoder: FakeDecoder
) -> None:
    measured = session.feed((), 5, Job())
    assert measured.prompt_tokens == 0
    assert len(measured.token_times_s) == 5
    assert decoder.ids[0] == FakeModel.bos_id
    assert decoder.fed == [1] * 5


@pytest.mark.parametrize(
    ("ids", "words"),
    [((1,) * 200, "context of 128"), ((16,), "vocabulary of 16"), ((-1,), "vocabulary")],
)
def test_ids_that_do_not_fit(ids: tuple[int, ...], words: str, session: LlamaSession) -> None:
    with pytest.raises(BadInput, match=words):
        session.logits(ids)


def test_an_empty_prompt_and_no_positions(session: LlamaSession) -> None:
    with pytest.raises(BadInput, match="no tokens"):
        session.generate((), 3, Job())
    assert session.logits(()).shape == (0, VOCABULARY)
