"""Multiple-choice tasks: reading them, turning them into token ids, letting an engine answer.

The file: JSON Lines, one object a line with ``query`` (text), ``choices`` (two texts or more) and ``gold``
(index of the right choice, from 0). Other keys are ignored.

The rules, the same for every engine and model:

* The full text is query + one space + choice; no space is added after a query that ends in white space,
  before a choice that starts with it, or to an empty query. The model's begin-of-sequence id stands before it
  where the model was trained so. No chat template, no end-of-sequence.
* A tokenizer may merge characters across the seam. So the *full* texts are tokenized, and what all of an
  item's full texts share with the tokenized query is its query; each choice is the rest. Query + choice is
  thus always exactly the tokenization of the full text (the rule of lm-evaluation-harness, made safe for
  merges).
* The answer is the choice with the highest *sum* of log-probabilities: that is the accuracy. The choice with
  the highest mean per token is kept beside it as the normalised accuracy.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from backends.domain.errors import BadInput, JobFailed
from backends.domain.metric import ChoiceItem, ChoiceScores
from backends.frameworks.base import EngineHandle, JobContext
from backends.quality.answers import Answers, best
from backends.quality.steps import Steps

BATCH = 16
_REMEDY = 'Each line is an object such as {"query": "2 + 2 =", "choices": ["4.", "5."], "gold": 0}.'

T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """One item as text. ``line`` counts from 1 in the file it came from."""

    query: str
    choices: tuple[str, ...]
    gold: int
    line: int

    def texts(self) -> tuple[str, ...]:
        """The full text of every choice."""
        return tuple(self.query + self._seam(choice) + choice for choice in self.choices)

    def _seam(self, choice: str) -> str:
        glued = not self.query or self.query[-1].isspace() or choice[0].isspace()
        return "" if glued else " "


def read_questions(path: Path) -> tuple[Question, ...]:
    """Read a task file. Raises BadInput that names the file and the line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        reason = error.strerror or error
        raise BadInput(f"The task file {path} cannot be read: {reason}.", "Choose another file.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"The task file {path} is no UTF-8 text.", "Save it as UTF-8 JSON Lines.") from error
    questions = tuple(
        _read_line(line, f"{path}, line {number}", number)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )
    if not questions:
        raise BadInput(f"The task file {path} is empty.", _REMEDY)
    return questions


def _read_line(line: str, where: str, number: int) -> Question:
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: this is no JSON ({error}).", _REMEDY) from error
    if not isinstance(item, dict):
        raise BadInput(f"{where}: this is no JSON object.", _REMEDY)
    query, choices, gold = item.get("query"), item.get("choices"), item.get("gold")
    if not isinstance(query, str):
        raise BadInput(f'{where}: "query" is not a text.', _REMEDY)
    if not isinstance(choices, list) or len(choices) < 2:
        raise BadInput(f'{where}: "choices" is not a list of two texts or more.', _REMEDY)
    if not all(isinstance(choice, str) and choice.strip() for choice in choices):
        raise BadInput(f"{where}: a choice is empty or not a text.", _REMEDY)
    if not isinstance(gold, int) or isinstance(gold, bool):
        raise BadInput(f'{where}: "gold" is not a whole number.', _REMEDY)
    if not 0 <= gold < len(choices):
        raise BadInput(
            f'{where}: "gold" is {gold}, but the {len(choices)} choices count from 0 to {len(choices) - 1}.',
            _REMEDY,
        )
    return Question(query, tuple(choices), gold, number)


def spread(items: Sequence[T], limit: int | None) -> tuple[T, ...]:
    """At most ``limit`` items, taken evenly over the whole: files are often sorted by topic."""
    if limit is None or limit >= len(items):
        return tuple(items)
    return tuple(items[index * len(items) // limit] for index in range(limit))


def encode(
    questions: Sequence[Question], handle: EngineHandle, bos_id: int | None = None
) -> tuple[ChoiceItem, ...]:
    """Questions as ids by the rules above. Do it once: every engine gets the same ids.

    Raises BadInput where the tokenizer leaves nothing to predict, or to predict from.
    """
    texts = [text for question in questions for text in (question.query, *question.texts())]
    ids = iter(handle.tokenize(texts))
    start = () if bos_id is None else (bos_id,)
    return tuple(
        _encode_one(question, start + tuple(next(ids)), [start + tuple(next(ids)) for _ in question.choices])
        for question in questions
    )


def _encode_one(question: Question, query: tuple[int, ...], texts: list[tuple[int, ...]]) -> ChoiceItem:
    shared = common_prefix([query, *texts])
    if not shared:
        raise BadInput(
            f"Task line {question.line}: the model has no start-of-text token, and the tokenized choices "
            "share nothing with the query, so their first token cannot be predicted.",
            "Give the item a query.",
        )
    choices = tuple(text[len(shared) :] for text in texts)
    if not all(choices):
        raise BadInput(f"Task line {question.line}: a choice has no token of its own.", "Write it out.")
    return ChoiceItem(shared, choices, question.gold)


def common_prefix(sequences: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The longest beginning that all share."""
    length = 0
    for column in zip(*sequences, strict=False):
        if len(set(column)) > 1:
            break
        length += 1
    return sequences[0][:length]


def run_tasks(handle: EngineHandle, items: Sequence[ChoiceItem], job: JobContext) -> Answers:
    """Let the engine answer, a batch at a time. Raises JobFailed where a score is not a number."""
    steps = Steps(job, len(items), "Answering the task questions")
    scores: list[ChoiceScores] = []
    for start in range(0, len(items), BATCH):
        batch = items[start : start + BATCH]
        scores += handle.choose(batch)
        if len(scores) != start + len(batch):
            raise JobFailed(f"The engine scored {len(scores) - start} of {len(batch)} task questions.")
        _check_numbers(scores, start)
        steps.advance(len(batch))
    return Answers(
        chosen=tuple(best(one.log_probabilities) for one in scores),
        gold=tuple(item.gold for item in items),
        chance=sum(1 / len(item.choices) for item in items) / len(items),
        normalised=tuple(best(per_token(one)) for one in scores),
    )


def per_token(scores: ChoiceScores) -> list[float]:
    """Mean log-probability of a token of each choice."""
    return [total / count for total, count in zip(scores.log_probabilities, scores.tokens, strict=True)]


def _check_numbers(scores: Sequence[ChoiceScores], start: int) -> None:
    for index, one in enumerate(scores[start:], start=start + 1):
        if any(math.isnan(value) for value in one.log_probabilities):
            raise JobFailed(
                f"The model's score of task question {index} is not a number (NaN).",
                "Its weights or a kernel overflow; try a higher precision or another device.",
            )
