from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.domain.errors import BadInput, JobCancelled, JobFailed
from backends.domain.metric import ChoiceItem, ChoiceScores
from backends.quality.tasks import Question, common_prefix, encode, read_questions, run_tasks, spread

from .fakes import BOS, BigramEngine, Job, patient, table

GOOD = '{"query": "2 + 2 =", "choices": ["4.", "5."], "gold": 0}'


def write(folder: Path, content: str) -> Path:
    path = folder / "tasks.jsonl"
    path.write_text(content, encoding="utf-8")
    return path


def test_a_file_is_read_with_its_line_numbers(tmp_path: Path) -> None:
    questions = read_questions(write(tmp_path, f"{GOOD}\n\n{GOOD}\n"))
    assert [question.line for question in questions] == [1, 3]
    assert questions[0] == Question("2 + 2 =", ("4.", "5."), 0, 1)


def test_one_line_is_enough_to_read(tmp_path: Path) -> None:
    assert len(read_questions(write(tmp_path, GOOD))) == 1


@pytest.mark.parametrize("content", ["", "\n \n", "﻿"])
def test_an_empty_file_is_bad_input(tmp_path: Path, content: str) -> None:
    with pytest.raises(BadInput, match=r"tasks\.jsonl is empty"):
        read_questions(write(tmp_path, content))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[1]", "no JSON object"),
        ('{"choices": ["a", "b"], "gold": 0}', '"query" is not a text'),
        ('{"query": "q", "choices": ["a"], "gold": 0}', "two texts or more"),
        ('{"query": "q", "choices": "ab", "gold": 0}', "two texts or more"),
        ('{"query": "q", "choices": ["a", " "], "gold": 0}', "choice is empty"),
        ('{"query": "q", "choices": ["a", 1], "gold": 0}', "choice is empty or not a text"),
        ('{"query": "q", "choices": ["a", "b"], "gold": "0"}', "whole number"),
        ('{"query": "q", "choices": ["a", "b"], "gold": true}', "whole number"),
        (
            '{"query": "q", "choices": ["a", "b"], "gold": 2}',
            '"gold" is 2, but the 2 choices count from 0 to 1',
        ),
        ('{"query": "q", "choices": ["a", "b"], "gold": -1}', '"gold" is -1'),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, what: str) -> None:
    with pytest.raises(BadInput, match=r"tasks\.jsonl, line 2: ") as caught:
        read_questions(write(tmp_path, f"{GOOD}\n{line}\n"))
    assert what in caught.value.message
    assert "gold" in caught.value.remedy


def test_a_file_that_is_not_there_or_no_text_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_questions(tmp_path / "none.jsonl")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="no UTF-8"):
        read_questions(tmp_path / "bytes.jsonl")


@patient
@given(
    st.dictionaries(
        st.sampled_from(["query", "choices", "gold"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_whatever_the_line_it_is_read_or_bad_input(
    tmp_path_factory: pytest.TempPathFactory, item: object
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "tasks.jsonl"
    path.write_text(json.dumps(item), encoding="utf-8")
    try:
        assert read_questions(path)
    except BadInput as error:
        assert str(path) in error.message


@patient
@given(st.integers(1, 200), st.integers(1, 250))
def test_a_limit_takes_items_evenly(size: int, limit: int) -> None:
    taken = spread(range(size), limit)
    assert len(set(taken)) == len(taken) == min(size, limit)
    assert list(taken) == sorted(taken)


@pytest.mark.parametrize(
    ("query", "choice", "text"), [("a", "b", "a b"), ("a\n", "b", "a\nb"), ("a", " b", "a b"), ("", "b", "b")]
)
def test_one_space_joins_query_and_choice(query: str, choice: str, text: str) -> None:
    assert Question(query, (choice,), 0, 1).texts() == (text,)


def test_query_and_choice_are_the_tokens_of_the_full_text(tmp_path: Path) -> None:
    engine = BigramEngine(table(), tmp_path)
    (item,) = encode([Question("ab", ("c", "dd"), 1, 1)], engine, BOS)
    assert item == ChoiceItem((BOS, *b"ab"), (tuple(b" c"), tuple(b" dd")), 1)


class MergingEngine(BigramEngine):
    """Turns "= 4" into one token, across the seam."""

    def tokenize(self, texts: list[str]) -> list[list[int]]:  # type: ignore[override]
        return [list(text.replace("= 4", "\x01").encode()) for text in texts]


def test_a_merge_across_the_seam_shortens_the_query(tmp_path: Path) -> None:
    engine = MergingEngine(table(), tmp_path)
    (item,) = encode([Question("2 =", ("4.", "5."), 0, 1)], engine)
    assert item.query == tuple(b"2 ")
    assert item.choices == (tuple(b"\x01."), tuple(b"= 5."))


def test_nothing_to_predict_from_is_bad_input(tmp_path: Path) -> None:
    engine = BigramEngine(table(), tmp_path)
    with pytest.raises(BadInput, match="Task line 7"):
        encode([Question("", ("a", "b"), 0, 7)], engine)
    assert encode([Question("", ("a", "b"), 0, 7)], engine, BOS)[0].query == (BOS,)


texts = st.text(st.characters(codec="ascii"), min_size=1, max_size=6).filter(str.strip)


@patient
@given(st.text(max_size=8), st.lists(texts, min_size=2, max_size=4))
def test_every_encoding_adds_up_to_the_full_text(query: str, choices: list[str]) -> None:
    engine = BigramEngine(table(), Path())
    question = Question(query, tuple(choices), 0, 1)
    (item,) = encode([question], engine, BOS)
    for choice, text in zip(item.choices, question.texts(), strict=True):
        assert item.query + choice == (BOS, *text.encode())


def test_a_common_prefix_ends_with_the_shortest() -> None:
    assert common_prefix([(1, 2, 3), (1, 2), (1, 2, 4)]) == (1, 2)


def make_items(count: int) -> list[ChoiceItem]:
    rng = np.random.default_rng(0)
    return [
        ChoiceItem((BOS, 1), tuple(tuple(rng.integers(0, 256, 3).tolist()) for _ in range(4)), 0)
        for _ in range(count)
    ]


def test_answers_come_in_batches_with_progress(tmp_path: Path) -> None:
    job = Job()
    items = make_items(40)
    answers = run_tasks(BigramEngine(table(), tmp_path), items, job)
    assert len(answers.chosen) == len(answers.gold or ()) == 40
    assert answers.chance == pytest.approx(0.25)
    assert job.fractions() == [0.0, 0.4, 0.8, 1.0]


def test_the_sum_decides_and_the_mean_is_kept_beside_it() -> None:
    class Fixed(BigramEngine):
        def choose(self, items: object) -> list[ChoiceScores]:
            return [ChoiceScores((-4.0, -3.0), (4, 1))]

    answers = run_tasks(Fixed(table(), Path()), make_items(1), Job())
    assert (answers.chosen, answers.normalised) == ((1,), (0,))


def test_nan_logits_end_the_job_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match="not numbers"):
        run_tasks(BigramEngine(table() * np.nan, tmp_path), make_items(1), Job())


def test_nan_scores_name_the_question() -> None:
    class Broken(BigramEngine):
        def choose(self, items: object) -> list[ChoiceScores]:
            return [ChoiceScores((-1.0, -2.0), (1, 1)), ChoiceScores((float("nan"), -2.0), (1, 1))]

    with pytest.raises(JobFailed, match="question 2 is not a number"):
        run_tasks(Broken(table(), Path()), make_items(2), Job())


def test_an_engine_that_leaves_questions_out_fails() -> None:
    class Lazy(BigramEngine):
        def choose(self, items: object) -> list[ChoiceScores]:
            return []

    with pytest.raises(JobFailed, match="0 of 2"):
        run_tasks(Lazy(table(), Path()), make_items(2), Job())


def test_a_cancel_is_heard_between_batches(tmp_path: Path) -> None:
    job = Job(cancel_after=1)
    with pytest.raises(JobCancelled):
        run_tasks(BigramEngine(table(), tmp_path), make_items(40), job)
    assert len(job.events) == 2


@pytest.mark.parametrize("name", ["arc_easy", "copa"])
def test_real_task_files_are_read(shared_data: Path, name: str) -> None:
    questions = read_questions(shared_data / "tasks" / f"{name}.jsonl")
    assert len(questions) == {"arc_easy": 2376, "copa": 100}[name]
