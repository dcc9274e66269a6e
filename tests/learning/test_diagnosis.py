"""What a finding is: from upstream or of itself, how far, and when it looked like this before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.learning.live import START, AtOnce

from gemel.core.event import Event
from gemel.core.frame import Frame
from gemel.core.time import SECOND
from gemel.parts.historians import HISTORIANS
from gemel.parts.historians.base import Store
from gemel.runtime.configuration import load
from gemel.runtime.reloading import declare
from gemel.twin.learning import DetectorWatch
from gemel.twin.learning.diagnosis import upstream
from gemel.twin.learning.labels import label

PLANT = """\
format: 1
connectors:
  push: {kind: http}
assets:
  mixer:
    connector: push
    signals: {heat: {unit: °C}, water: {unit: l/min}, count: {role: count}}
  press:
    connector: push
    after: [mixer]
    signals: {thickness: {unit: mm}, force: {unit: kN}, state: {type: enumeration, labels: {2: Stopped, 6: Execute}}}
detectors:
  press_condition: {kind: pca, asset: press, learn: 5 min, normal: state == 'Execute', hold: 3 s, lateness: 0 s}
"""  # noqa: E501 - as a person writes it


class Line:
    """A mixer and a press: thickness follows the heat of the mix and the force of the press."""

    def __init__(self, folder: Path, store: Store) -> None:
        (folder / "plant.yaml").write_text(PLANT, encoding="utf-8")
        self.plan = load(folder / "plant.yaml")
        self.store, self.now = store, START
        self.numbers = declare(self.plan.signals, store.catalogue, START)
        self.random = np.random.default_rng(0)
        self.events: list[Event] = []
        self.heat, self.force = 80.0, 50.0
        settings, detector = self.plan.watches["press_condition"]
        after = {path: asset.after for path, asset in self.plan.plant.assets.items()}
        self.watch = DetectorWatch(
            "press_condition", settings, detector, self.plan.signals, self.numbers, store,
            AtOnce(), lambda: self.now, before=upstream("press", after),
        )  # fmt: skip

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            heat, force = self.random.normal((self.heat, self.force), (1, 0.5))
            told = {
                "mixer/heat": heat, "mixer/water": self.random.normal(5, 0.1),
                "mixer/count": self.now / SECOND, "press/force": force,
                "press/thickness": 2 + 0.02 * (heat - 80) - 0.03 * (force - 50)
                + self.random.normal(0, 0.005), "press/state": 6.0,
            }  # fmt: skip
            frame = Frame.of(
                [self.numbers[n] for n in told], [self.now] * len(told), list(told.values())
            )
            self.store.commit([frame])
            found = [*self.watch.feed(frame)]
            self.now += SECOND
            found += self.watch.tick(self.now)
            self.store.record(found)
            self.events += found

    def until(self, true: Callable[[], object], most: int = 900) -> None:
        for _ in range(0, most, 5):
            if true():
                return
            self.run(5)
        raise AssertionError(f"not within {most} s: {[e.kind for e in self.events]}")

    def diagnoses(self) -> list[Event]:
        return [e for e in self.events if e.kind == "diagnosis"]

    def episode(self, heat: float = 80.0, force: float = 50.0) -> tuple[Event, Event]:
        """Something is otherwise for a minute; the diagnosis at first, and when it has ended."""
        before = len(self.diagnoses())
        self.heat, self.force = heat, force
        self.run(60)
        self.heat, self.force = 80.0, 50.0
        self.until(lambda: not self.watch.report()["open"])
        self.run(20)
        first, *_, last = self.diagnoses()[before:]
        return first, last

    def say(self, diagnosis: Event, cause: str, answer: str = "right") -> None:
        finding = next(e for e in self.events if e.id == diagnosis.cause)
        self.store.record([label(finding, None, answer, cause, "", "eva", self.now)])


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    clock: list[Line] = []
    historian = HISTORIANS.build({"kind": "duckdb"}, "historian")
    with historian.open(tmp_path / "data", lambda: clock[0].now if clock else START) as store:
        found = Line(tmp_path, store)
        clock.append(found)
        found.until(lambda: found.watch.state == "watching")
        yield found


def test_a_cause_upstream_is_found_with_its_share(line: Line) -> None:
    first, last = line.episode(heat=88.0)
    told = first.payload
    assert told["finding"] == first.cause
    assert told["deviations"][0]["signal"] == "press/thickness"
    assert told["deviations"][0]["sigmas"] == pytest.approx(0.16 / 0.026, abs=2)
    assert [c["name"] for c in told["upstream"]][:1] == ["mixer/heat"]
    assert told["upstream"][0]["probability"] > 0.9
    assert not told["itself"]
    assert "mixer/count" not in str(told), "a count moves by design"
    told_all = line.diagnoses()
    assert [d.supersedes for d in told_all] == [None, *(d.id for d in told_all[:-1])]
    assert last.payload["case"][1] > first.payload["case"][1]


def test_what_arises_in_the_machine_itself_is_said_to(line: Line) -> None:
    first, _ = line.episode(force=40.0)
    assert first.payload["itself"]
    assert {d["signal"] for d in first.payload["deviations"]} == {"press/force", "press/thickness"}
    force = next(d for d in first.payload["deviations"] if d["signal"] == "press/force")
    assert (force["usual"], force["now"]) == pytest.approx((50, 40), abs=0.5)


def test_it_remembers_what_people_said(line: Line) -> None:
    """Two kinds of trouble, answered four times each; the ninth is told what it is, a tenth that
    is like none of them is new."""
    for _ in range(4):
        for cause, way in (("hot mix", {"heat": 88.0}), ("weak hydraulics", {"force": 40.0})):
            _, last = line.episode(**way)
            line.say(last, cause)
    _, told = line.episode(force=38.0)
    known = told.payload["known"]
    assert known[0]["name"] == "weak hydraulics"
    assert known[0]["probability"] > 0.7
    assert not told.payload["new"]
    assert told.payload["alike"][0]["cause"] == "weak hydraulics"
    assert told.payload["alike"][0]["alike"] > 0.9
    _, other = line.episode(heat=80.0, force=62.0)
    assert other.payload["new"]


def test_few_answers_are_shown_and_no_more(line: Line) -> None:
    _, first = line.episode(heat=88.0)
    line.say(first, "hot mix")
    _, second = line.episode(heat=87.0)
    assert second.payload["known"] == ()
    assert "1 earlier findings say what they were" in second.payload["notes"][0]
    assert second.payload["alike"][0]["cause"] == "hot mix"


def test_one_that_lasts_is_looked_at_again_and_again(line: Line) -> None:
    line.force = 40.0
    line.run(200)
    told = line.diagnoses()
    assert len(told) == 2
    assert told[1].supersedes == told[0].id
    assert told[1].payload["case"][1] - told[0].payload["case"][1] == pytest.approx(
        100 * SECOND, abs=3 * SECOND
    )


def test_the_way_upstream_ends_even_where_work_comes_back() -> None:
    after = {"a": ("d",), "b": ("a",), "c": ("a", "b"), "d": ("c",), "e": ()}
    assert upstream("d", after) == (("a",), ("b",), ("c",))
    assert upstream("e", after) == ()
