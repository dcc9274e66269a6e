"""Another plant file while machines run: sums and stops go on."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lines import EARLY, Line

from gemel.twin.operations import OperationsSettings

ASSET = "line/filler"


def test_a_machine_whose_settings_change_loses_no_time_and_no_count() -> None:
    line = Line()
    line.feed(0, state="Execute", count=0, rejects=0, order="PO-1")
    line.feed(60, count=1000)
    line.settings = OperationsSettings.read({"minor_below": "1 min"})
    line.now = line.at(70)
    line.operations.become(line.make(), frozenset(), line.mirror.snapshot(line.now).frame())
    line.feed(80, state="Held", count=1100)
    line.tick(90)
    totals = line.operations.totals(ASSET)[2]
    assert totals.produced == 1100
    assert line.operations.machine(ASSET).order == "PO-1"
    assert [(e.kind, e.time) for e in line.events if e.kind == "stop"] == [("stop", line.at(80))]
    whole = Line()
    whole.feed(0, state="Execute", count=0, rejects=0, order="PO-1")
    whole.feed(60, count=1000)
    whole.feed(80, state="Held", count=1100)
    whole.tick(90)
    assert whole.operations.totals(ASSET)[2].times == totals.times


def test_a_machine_that_is_kept_is_the_same_one() -> None:
    line = Line()
    line.feed(0, state="Execute", count=0)
    before = line.operations.machine(ASSET)
    line.calendar = Line(shifts=(EARLY,)).calendar
    line.operations.become(line.make(), {ASSET}, line.mirror.snapshot(line.now).frame())
    assert line.operations.machine(ASSET) == before


def test_a_stop_of_a_machine_that_is_gone_ends() -> None:
    line = Line()
    line.feed(0, state="Execute")
    line.feed(10, state="Held")
    line.now = line.at(20)
    line.signals = [s for s in line.signals if s.asset != ASSET]
    line.assets = {s.asset: line.assets[s.asset] for s in line.signals}
    line.operations.become(line.make(), frozenset(), line.mirror.snapshot(line.now).frame())
    ended = [e for e in line.tick(20) if e.kind == "stop"]
    assert [(e.time, e.end, e.payload["uncertain"]) for e in ended] == [
        (line.at(10), line.at(20), True)
    ]
