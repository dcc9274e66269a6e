"""What every reasoner promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMyReasoner(ReasonerSuite):
        @pytest.fixture
        def reasoner(self):
            return MyReasoner(when="speed > 5")
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.core.expression import Boolean, Column, Enumeration, Number, Text, Type
from gemel.core.frame import Times
from gemel.parts.reasoners.base import Proposal, Reasoner, Reasoning, Said
from gemel.testing.operators import written

__all__ = ["NAMES", "ReasonerSuite", "example_rows"]

SECOND = 1_000_000_000

NAMES: Mapping[str, Type] = {
    "speed": Number("1/h"),
    "level": Number("mm"),
    "jam": Boolean(),
    "state": Enumeration(("Stopped", "Execute"), (4, 6)),
    "product": Text(),
}
"""Names that a reasoner under test can use."""

Rows = tuple[Times, dict[str, Column]]


def example_rows(rows: int = 400, seed: int = 0) -> Rows:
    """A row a second: an uneasy machine, with bad values, unknown ones and two rows of one time."""
    random = np.random.default_rng(seed)
    time = np.arange(rows, dtype=np.int64) * SECOND
    time[50] = time[49]
    values = {
        "speed": 22500 + 2000 * np.sin(np.arange(rows) / 20) + random.normal(0, 50, rows),
        "level": 500 + random.normal(0, 1, rows).cumsum() / 4,
        "jam": (random.random(rows) < 0.05).astype(float),
        "state": np.where(np.arange(rows) // 60 % 3 == 2, 4.0, 6.0),
        "product": (np.arange(rows) // 150 % 2).astype(float),
    }
    columns = {}
    for name, value in values.items():
        quality = np.zeros(rows, np.int16)
        quality[random.random(rows) < 0.03] = -0x8000
        quality[random.random(rows) < 0.03] = 0x4000
        value[random.random(rows) < 0.01] = np.nan
        texts = ("cola", "water") if name == "product" else ()
        columns[name] = Column(value, quality, np.zeros(rows), texts)
    return time, columns


class ReasonerSuite:
    """Override `reasoner` with a fixture that gives settings over `NAMES`; `rows` where the example
    rows do not make it speak.

    Promises: what it says does not depend on how rows are cut into calls; stop, save, load,
    continue equals never having stopped; the same rows say the same; the input is untouched; no
    rows are fine, and so are bad ones; proposals are typed, reasoned, signed and have an identity
    that the same rows give again; the state is JSON, and that of another form is refused.
    """

    @pytest.fixture
    def reasoner(self) -> Reasoner:
        pytest.fail("give the settings to test in a fixture named `reasoner`")

    @pytest.fixture
    def rows(self) -> Rows:
        return example_rows()

    @staticmethod
    def start(reasoner: Reasoner, state: Mapping[str, object] | None = None) -> Reasoning:
        """A reasoning under test."""
        return reasoner.start("under_test", NAMES, state)

    def test_cutting_the_rows_changes_nothing(self, reasoner: Reasoner, rows: Rows) -> None:
        whole = list(self.start(reasoner)(*rows))
        assert whole, "the rows must make it speak; give others in a fixture named `rows`"
        for size in (1, 7, 100):
            running, said = self.start(reasoner), list[Said]()
            for begin in range(0, len(rows[0]), size):
                said += running(*_cut(rows, begin, begin + size))
            assert said == whole

    def test_continues_from_its_state(self, reasoner: Reasoner, rows: Rows) -> None:
        whole = list(self.start(reasoner)(*rows))
        for cut in (1, 50, len(rows[0]) // 2):
            first = self.start(reasoner)
            before = list(first(*_cut(rows, 0, cut)))
            state = json.loads(json.dumps(first.state(), allow_nan=False))
            assert isinstance(state["version"], int)
            second = self.start(reasoner, state)
            assert json.loads(json.dumps(second.state(), allow_nan=False)) == state
            assert before + list(second(*_cut(rows, cut, len(rows[0])))) == whole

    def test_leaves_its_input_untouched(self, reasoner: Reasoner, rows: Rows) -> None:
        values = {name: column.value.copy() for name, column in rows[1].items()}
        qualities = {name: column.quality.copy() for name, column in rows[1].items()}
        time = rows[0].copy()
        self.start(reasoner)(*rows)
        np.testing.assert_array_equal(rows[0], time)
        for name, column in rows[1].items():
            np.testing.assert_array_equal(column.value, values[name])
            np.testing.assert_array_equal(column.quality, qualities[name])

    def test_takes_no_rows(self, reasoner: Reasoner, rows: Rows) -> None:
        running = self.start(reasoner)
        assert list(running(*_cut(rows, 0, 0))) == []
        assert list(running(*rows)) == list(self.start(reasoner)(*rows))

    def test_says_nothing_of_what_it_cannot_know(self, reasoner: Reasoner, rows: Rows) -> None:
        unknown = {
            name: Column(
                np.full_like(column.value, np.nan),
                np.full_like(column.quality, -0x8000),
                column.age,
                column.texts,
            )
            for name, column in rows[1].items()
        }
        assert list(self.start(reasoner)(rows[0], unknown)) == []

    def test_reads_the_names_that_it_declares(self, reasoner: Reasoner, rows: Rows) -> None:
        running = self.start(reasoner)
        assert running.inputs
        assert set(running.inputs) <= set(NAMES)
        only = {name: rows[1][name] for name in running.inputs}
        assert list(running(rows[0], only)) == list(self.start(reasoner)(*rows))

    def test_proposals_say_who_and_why(self, reasoner: Reasoner, rows: Rows) -> None:
        said = list(self.start(reasoner)(*rows))
        proposals = [item for item in said if isinstance(item, Proposal)]
        for proposal in proposals:
            assert (proposal.source, proposal.proposed_by) == ("reasoner", "under_test")
            assert proposal.reason
            assert proposal.title
            assert proposal.evidence.because
            assert proposal.evidence.window is not None
            assert Proposal.read(proposal.model_dump(mode="json")) == proposal
        ids = [proposal.id for proposal in proposals]
        assert all(ids)
        assert len(set(ids)) == len(ids)

    def test_refuses_a_state_of_another_form(self, reasoner: Reasoner) -> None:
        state = self.start(reasoner).state()
        with pytest.raises(DataError, match="version"):
            self.start(reasoner, state | {"version": 999})
        with pytest.raises(DataError):
            self.start(reasoner, {"version": state["version"]})

    def test_settings_are_documented(self, reasoner: Reasoner) -> None:
        undocumented = [n for n, f in type(reasoner).model_fields.items() if not f.description]
        assert not undocumented, f"settings without a description: {undocumented}"
        assert type(reasoner).__doc__
        assert type(reasoner).read(written(reasoner)) == reasoner


def _cut(rows: Rows, begin: int, end: int) -> Rows:
    time, columns = rows
    piece = slice(begin, end)
    return time[piece], {
        name: Column(
            column.value[piece],
            column.quality[piece],
            None if column.age is None else column.age[piece],
            column.texts,
        )
        for name, column in columns.items()
    }
