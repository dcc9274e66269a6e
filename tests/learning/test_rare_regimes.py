"""A detector that is renewed keeps what it knows of products that were not made in its window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.learning.detecting import WATCH, Pressed
from tests.learning.live import PLANT, START
from tests.runtime.doors import PLANT as OTHER

from gemel.core.errors import ConfigurationError
from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.time import HOUR, MINUTE, SECOND
from gemel.parts.detectors.base import Model, Window
from gemel.runtime.configuration import check, load
from gemel.twin.learning.detecting.rare import Kept, Regimes, mixed
from gemel.twin.learning.labels import label
from gemel.twin.learning.windows import Normal

TEXT = (
    WATCH.replace("press/thickness]", "press/thickness, press/wear]")
    .replace("    event: wear > 5\n", "")
    .replace("learn: 12 h", "learn: 36 h")
)
PRODUCT = "      product: {type: text, role: product}\n"


class Products(Pressed):
    """A press that makes product A or B: B is thicker, and wears the die more."""

    def write(self, text: str) -> None:
        path = self.folder / "plant.yaml"
        head = PLANT[: -len("tasks:\n")].replace("      wear: {}\n", "      wear: {}\n" + PRODUCT)
        path.write_text(head + text, encoding="utf-8")
        self.plan = load(path)

    def make(self, product: str, hours: int, off: float = 0.0) -> None:
        """So many hours of one product."""
        number = self.numbers["press/product"]
        code = self.store.catalogue.encode(number, product)
        self.store.commit([Frame.of([number], [self.now], [float(code or 0)])])
        level = 2.0 if product == "B" else 0.0
        self.hours(
            hours, offset=lambda _: 0.25 * level + off,
            wear=lambda _: level + self.random.normal(0, 0.05),
        )  # fmt: skip

    def renewed(self) -> dict[str, object]:
        """Fit again; what stands in shadow then."""
        self.watch.want("as eva wished")
        self.make("A", 1)
        found = self.watch.report()["candidate"]
        assert found is not None, self.watch.report()["renewing"]
        return dict(found)

    def model(self, name: object) -> Model:
        _, detector = self.plan.watches["odd"]
        return detector.load(self.watch.registry.get(str(name)).model)


def share_above(model: Model, product: str, off: float = 0.0) -> float:
    """Of 20,000 rows of a product that nobody has seen, those above the limit; with `off`, of the
    first 60 rows of each fault, which begins in the midst of rows without."""
    random, n = np.random.default_rng(7), 20_000
    level = 2.0 if product == "B" else 0.0
    wrong = np.arange(n) % 600 >= 540 if off else np.zeros(n, np.bool_)
    force = random.normal(50, 2, n)
    thick = 0.1 * force + random.normal(0, 0.01, n) + 0.25 * level + np.where(wrong, off, 0)
    value = np.column_stack([force, thick, level + random.normal(0, 0.05, n)])
    time = START + np.arange(n, dtype=np.int64) * MINUTE
    found = model.start()(Window(time, value, model.names)).alarm
    return float(found[wrong].mean() if off else found.mean())


@pytest.fixture(params=[1_000, 0], ids=["kept", "forgotten"])
def press(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, Products]]:
    """It has learned both products, and has made A alone for longer than the window."""
    text = TEXT % f", keep_rows: {request.param}"
    pressed = Products(tmp_path, text, lambda _: "known")
    with pressed.open():
        for _ in range(18):
            pressed.make("A", 1)
            pressed.make("B", 1)
        pressed.until(lambda: pressed.watch.champion)
        pressed.make("A", 54)
        yield request.param, pressed


def test_a_product_outlives_windows_in_which_it_was_not_made(
    press: tuple[int, Products],
) -> None:
    kept, pressed = press
    assert share_above(pressed.model(pressed.watch.champion), "B") <= 0.003
    found = pressed.renewed()
    model = pressed.model(found["model"])
    assert share_above(model, "A") <= 0.003, "three times what was promised, by chance"
    if not kept:
        assert share_above(model, "B") > 0.99, "it is forgotten"
        assert "regimes" not in pressed.watch.registry.get(str(found["model"])).evidence
        return
    assert share_above(model, "B") <= 0.003
    assert share_above(model, "B", off=0.1) > 0.9, "and its faults are found"
    assert share_above(model, "A", off=0.1) > 0.9
    told = pressed.watch.registry.get(str(found["model"])).evidence["regimes"]
    assert told["A"]["from before"] == 0
    assert 700 <= told["B"]["from before"] == told["B"]["rows"] <= 1_000
    assert all(last < START + 36 * HOUR for _, last in told["B"]["spans"])

    # The next renewal reads it again, though the window of this one had none of it either.
    pressed.promote(str(found["model"]))
    assert pressed.watch.report()["regimes"]["B"]["from before"] > 700
    pressed.make("A", 24)
    again = pressed.renewed()
    assert share_above(pressed.model(again["model"]), "B") <= 0.003
    assert share_above(pressed.model(again["model"]), "B", off=0.1) > 0.9

    # What people call abnormal since is not kept.
    pressed.promote(str(again["model"]))
    wrong = Event(
        "finding", "press", START, "odd", pressed.now, START + 37 * HOUR,
        {"detector": "odd", "title": "odd"},
    )  # fmt: skip
    pressed.store.record([wrong, label(wrong, None, "right", "", "", "eva", pressed.now)])
    pressed.make("A", 3)
    last = pressed.watch.registry.get(str(pressed.renewed()["model"])).evidence["regimes"]
    assert set(last) == {"A"}


def test_stretches_are_the_same_each_time_bounded_and_spread() -> None:
    step, rows = SECOND, 4_000
    time = np.arange(rows, dtype=np.int64) * step
    found = [Regimes(Normal((0,), ("p",), step, 0), 400, seed) for seed in (0, 0, 1)]
    spans = [one._spans("B", time, step) for one in found]
    assert spans[0] == spans[1] != spans[2]
    assert sum((last - first) // step + 1 for first, last in spans[0]) == 400
    parts = [first // (500 * step) for first, _ in spans[0]]
    assert parts == list(range(8)), "one of each eighth of the time"


def test_kept_rows_lie_between_those_of_the_window() -> None:
    def window(first: int, count: int, value: float) -> Window:
        time = (first + np.arange(count, dtype=np.int64)) * SECOND
        return Window(time, np.full((count, 1), value), ("x",))

    kept = Kept({"B": (window(0, 4, 1.0), window(9, 3, 1.0)), "C": (window(20, 2, 2.0),)})
    found = mixed(window(100, 90, 0.0), kept)
    assert (np.diff(found.time) > 0).all()
    assert np.bincount(found.value[:, 0].astype(int)).tolist() == [90, 7, 2]
    assert np.flatnonzero(found.value[:, 0] == 1)[[0, -1]].tolist() == [5, 93]
    assert (np.diff(found.time) > SECOND).sum() == 18, "what did not follow each other is apart"
    assert mixed(window(100, 9, 0.0), Kept({})).time.tolist() == window(100, 9, 0).time.tolist()


def test_a_signal_that_is_not_there_is_said_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    text = "detectors:\n  odd: {kind: pca, asset: line/m1, renewal: {regimes: produkt}}\n"
    path.write_text(OTHER + text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"plant.yaml:.*no signal 'produkt'.*'product'"):
        check(load(path))
