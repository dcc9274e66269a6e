"""Rows for expressions out of samples: hold-last, in order, and honest about silence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemel.core import quality as q
from gemel.core.catalogue import Catalogue
from gemel.core.errors import ConfigurationError
from gemel.core.expression import Boolean, Enumeration, Number, Text, compile_expression
from gemel.core.frame import Frame
from gemel.core.plant import PlantSignal, Signal
from gemel.twin.mirror import Mirror
from gemel.twin.mirror.columns import ColumnFeed
from gemel.twin.mirror.names import Resolver

S = 1_000_000_000


def _catalogue() -> Catalogue:
    catalogue = Catalogue()
    for path in ("l/other", "l/filler/speed", "l/filler/level"):
        catalogue.declare(path)
    catalogue.declare("l/filler/product", "text")
    return catalogue


def _feed(**more: int) -> ColumnFeed:
    catalogue = _catalogue()
    return ColumnFeed({"speed": 1, "level": 2}, catalogue, Mirror(4).snapshot(0), **more)


def test_rows_hold_the_last_values_at_each_time_at_which_one_changed() -> None:
    feed = _feed()
    assert feed.feed(Frame.of([0, 0], [1 * S, 2 * S], [1, 2])) is None
    rows = feed.feed(Frame.of([1, 0, 2, 1], [1 * S, 1 * S, 2 * S, 4 * S], [10, 0, 5, 11]))
    assert rows is not None
    time, columns = rows
    assert (time // S).tolist() == [1, 2, 4]
    assert columns["speed"].value.tolist() == [10, 10, 11]
    assert columns["speed"].age is not None
    assert columns["speed"].age.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(columns["level"].value, [np.nan, 5, 5])
    assert (columns["level"].quality < 0).tolist() == [True, False, False]


def test_a_sample_that_came_later_than_another_source_still_counts() -> None:
    feed = _feed()
    feed.feed(Frame.of([1], [10 * S], [10.0]))
    rows = feed.feed(Frame.of([2], [9 * S], [5.0]))
    assert rows is not None
    assert rows[0].tolist() == [10 * S]
    assert (rows[1]["level"].value[0], rows[1]["speed"].value[0]) == (5, 10)
    assert (feed.delayed, feed.late) == (1, 0)
    assert feed.feed(Frame.of([2], [8 * S], [4.0])) is None
    assert (feed.delayed, feed.late) == (1, 1)


def test_a_clock_from_the_future_does_not_stop_time() -> None:
    feed = _feed()
    frame = Frame.of([1], [9999 * S], [1.0], [q.CLOCK_SUSPECT], received=10 * S)
    rows = feed.feed(frame)
    assert rows is not None
    assert rows[0].tolist() == [10 * S]
    assert feed.feed(Frame.of([1], [11 * S], [2.0], received=11 * S)) is not None


def test_silence_gives_rows_and_samples_on_their_way_do_not() -> None:
    catalogue = _catalogue()
    mirror = Mirror(4)
    feed = ColumnFeed({"speed": 1}, catalogue, mirror.snapshot(0))
    running = compile_expression("speed > 5 for 30 s", {"speed": Number()}).start()
    frame = Frame.of([1], [10 * S], [6.0], received=10 * S)
    mirror.admit(frame)
    rows = feed.feed(frame)
    assert rows is not None
    assert running.step(*rows).value.tolist() == [0]
    assert feed.now(10 * S + S // 2) is None
    mirror.cut(np.array([1], np.int32), True)
    rows = feed.now(40 * S, mirror.snapshot(40 * S))
    assert rows is not None
    assert rows[0].tolist() == [40 * S]
    assert rows[1]["speed"].quality.tolist() == [q.NO_COMMUNICATION_LAST_USABLE]
    assert running.step(*rows).value.tolist() == [1]


def test_starts_with_what_the_mirror_shows_and_reads_texts() -> None:
    catalogue = _catalogue()
    mirror = Mirror(4)
    code = catalogue.encode(3, "cola")
    mirror.admit(Frame.of([3, 1], [S, S], [code, 7]))
    inputs = {"product": 3, "speed": 1}
    program = compile_expression(
        "product == 'cola' and speed == 7", {"product": Text(), "speed": Number()}
    )
    feed = ColumnFeed(inputs, catalogue, Mirror(4).snapshot(0))
    assert program.start().step(*feed.show(mirror.snapshot(S))).value[0] == 1
    feed = ColumnFeed(inputs, catalogue, mirror.snapshot(S))
    running = program.start()
    new = catalogue.encode(3, "water")
    rows = feed.feed(Frame.of([3, 3], [2 * S, 3 * S], [new, code]))
    assert rows is not None
    assert running.step(*rows).value.tolist() == [0, 1]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 5)), max_size=30),
    st.integers(1, 7),
)
def test_in_order_the_cut_into_frames_changes_nothing_at_the_end(
    samples: list[tuple[int, int, int]], piece: int
) -> None:
    samples = sorted(samples, key=lambda s: s[1])
    frame = Frame.of(*(np.array([s[i] for s in samples]) for i in range(3)))
    whole, cut = _feed(), _feed()
    one = whole.feed(frame)
    many = [rows for part in frame.pieces(piece) if (rows := cut.feed(part))]
    assert (one is None) == (not many)
    if one is not None:
        times = np.concatenate([rows[0] for rows in many])
        assert (np.diff(times) >= 0).all()
        assert set(times.tolist()) == set(one[0].tolist())
        assert whole.last == cut.last
        for name in ("speed", "level"):
            last = many[-1][1][name]
            np.testing.assert_array_equal(one[1][name].value[-1], last.value[-1])
    assert whole.late == cut.late == 0


def _plant(*paths: tuple[str, str, Signal]) -> list[PlantSignal]:
    return [PlantSignal(f"{a}/{k}", a, "", f"{a}/{k}", signal) for a, k, signal in paths]


def test_names_are_looked_up_from_the_asset_outwards() -> None:
    state = Signal(type="enumeration", labels={4: "Stopped", 6: "Execute"})
    signals = _plant(
        ("line1/filler", "speed", Signal(unit="1/h")),
        ("line2/filler", "speed", Signal(unit="1/min")),
        ("line2/filler", "motor/current", Signal(unit="A")),
        ("line2/filler", "state", state),
        ("line2/capper", "speed", Signal(unit="1/h")),
        ("line2/capper", "jam", Signal(type="boolean")),
    )
    names = Resolver(signals, "line2/capper")
    assert names.path("speed") == "line2/capper/speed"
    assert names("jam") == Boolean()
    assert names.path("filler.speed") == "line2/filler/speed"
    assert names("filler.state") == Enumeration(("Stopped", "Execute"), (4, 6))
    assert names.path("filler.motor.current") == "line2/filler/motor/current"
    assert names.path("line1/filler/speed") == "line1/filler/speed"
    assert names.path("line1.filler.speed") == "line1/filler/speed"
    assert names("state") is None
    with pytest.raises(ConfigurationError, match=r"\[line1/filler/speed\] or \[line2/filler"):
        Resolver(signals)("filler.speed")
    program = compile_expression("filler.speed > 5 and not jam", names, known=names.known)
    assert program.inputs == ("filler.speed", "jam")
