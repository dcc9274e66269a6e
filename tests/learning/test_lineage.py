"""Lineage of models in the words of OpenLineage: whole, the same each time, and nothing secret."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.learning.live import LIFE, SOFT, Press, press
from tests.learning.openlineage import RunEvent, read, runs

from gemel.core.event import Event
from gemel.core.plant import Site
from gemel.core.time import MINUTE
from gemel.twin.learning.lineage.live import Plantwide, lineage, namespace_of
from gemel.twin.learning.lineage.openlineage import line, run_id
from gemel.twin.learning.live.registry import ModelStep, step_event

SECRET = "opc.tcp://eva:hunter2@10.0.0.7:4840"


@pytest.fixture
def soft(tmp_path: Path) -> Iterator[Press]:
    with press(tmp_path, SOFT % "") as found:
        yield found


def plant(found: Press) -> Plantwide:
    """As the twin gives it; each signal has an address that is nobody's business."""
    signals = {
        planned.path: replace(planned, connector="secret", address=SECRET)
        for planned in (*found.plan.signals, *found.learner.outputs)
    }
    return Plantwide("gemel://Acme/press", signals, found.learner.registry.size)


def told(found: Press, start: int | None = None) -> list[RunEvent]:
    """The lineage of what was done so far, each event held against the specification."""
    return [read(line(event)) for event in lineage(found.events, plant(found), start)]


def renewed(found: Press) -> tuple[str, str]:
    """A first model, a change, a second one that is promoted, and the first that is forced in and
    goes back: both models."""
    found.until(lambda: found.learner.champion)
    first = found.learner.champion
    found.run(120)
    found.offset = 1.2
    found.until(lambda: found.requests)
    (request,) = found.requests
    found.promote(request.model, evidence=request.evidence)
    found.promote(first)
    found.until(lambda: len(found.requests) > 1)
    back = found.requests[-1]
    found.promote(back.model, returned=True, evidence=back.evidence)
    return first, request.model


def test_a_fit_tells_what_it_read_and_wrote(soft: Press) -> None:
    soft.until(lambda: soft.learner.champion)
    model = soft.learner.champion
    start, complete, *_ = told(soft)
    assert (start.eventType, complete.eventType) == ("START", "COMPLETE")
    assert start.eventTime < complete.eventTime
    assert complete.job.name == "estimate"
    assert complete.job.facets["jobType"]["processingType"] == "BATCH"
    fitted = soft.events[0]
    window = fitted.payload["window"]
    fit = complete.run.facets["gemel_fit"]
    assert (fit["model"], fit["data"]) == (model, fitted.payload["data"])
    assert fit["evidence"]["figures"] == fitted.payload["evidence"]["figures"]
    nominal = complete.run.facets["nominalTime"]
    assert (nominal["nominalStartTime"], nominal["nominalEndTime"]) == (fit["start"], fit["end"])
    assert fit["start"] == "2027-01-15T08:00:00Z", "the first row of the press"
    assert int(window[0]) == 1_800_000_000 * 10**9

    parts = {i.name: i.inputFacets["gemel_window"]["part"] for i in complete.inputs}
    assert parts == {
        "signals/press/force": "column", "signals/press/heat": "column",
        "signals/press/thickness": "target", "signals/press/state": "condition",
    }  # fmt: skip
    force = next(i for i in complete.inputs if i.name == "signals/press/force")
    assert force.inputFacets["gemel_window"]["start"] == fit["start"]
    assert force.facets["gemel_signal"]["unit"] == "kN"
    assert {f["name"]: f["type"] for f in force.facets["schema"]["fields"]} == {
        "time": "timestamp", "value": "double", "quality": "integer"
    }  # fmt: skip
    (output,) = complete.outputs
    assert output.name == f"models/{model}.json"
    assert output.facets["version"]["datasetVersion"] == model
    file = soft.folder / output.name
    assert output.outputFacets["outputStatistics"]["size"] == file.stat().st_size
    assert not start.outputs, "nothing is written yet"


def test_from_the_signals_to_what_is_told(soft: Press) -> None:
    """Whoever goes up from a told signal comes to the model, and to what it was fitted on."""
    soft.until(lambda: soft.learner.champion)
    model = soft.learner.champion
    events = told(soft)
    told_now = events[-1]
    assert (told_now.job.name, told_now.eventType) == ("estimate.telling", "START")
    assert told_now.job.facets["jobType"]["processingType"] == "STREAMING"
    assert [o.name for o in told_now.outputs] == [
        f"signals/press/estimate{side}" for side in ("", "_low", "_high")
    ]
    comes = told_now.outputs[0].facets["columnLineage"]
    direct = comes["fields"]["value"]["inputFields"]
    assert [(f["name"], f["field"]) for f in direct] == [
        ("signals/press/force", "value"), ("signals/press/heat", "value")
    ]  # fmt: skip
    assert [f["name"] for f in comes["dataset"]] == ["signals/press/state"]
    assert told_now.outputs[0].facets["gemel_signal"]["told_by"] == "estimate"
    read_now = {(i.namespace, i.name) for i in told_now.inputs}
    assert {(f["namespace"], f["name"]) for f in (*direct, *comes["dataset"])} <= read_now
    assert "signals/press/thickness" not in {i.name for i in told_now.inputs}, (
        "that is what it says"
    )

    above = {o.name: {i.name for i in e.inputs} for e in events for o in e.outputs}
    assert "champions/estimate" in above["signals/press/estimate"]
    assert above["champions/estimate"] == {f"models/{model}.json"}
    assert "signals/press/thickness" in above[f"models/{model}.json"]


def test_champions_come_and_go_with_their_evidence(soft: Press) -> None:
    first, second = renewed(soft)
    events = told(soft)
    by_run = runs(events)
    open_runs = [mine[0].job.name for mine in by_run.values() if len(mine) == 1]
    assert open_runs == ["estimate.telling"], "the present champion tells, all else has ended"

    decided = [e for e in events if (e.job.name, e.eventType) == ("estimate.promotion", "COMPLETE")]
    steps = [e.run.facets["gemel_decision"] for e in decided]
    assert [(s["step"], s["model"], s["other"]) for s in steps] == [
        ("champion", first, ""), ("champion", second, first), ("champion", first, second),
        ("returned", second, first),
    ]  # fmt: skip
    assert steps[1]["evidence"]["verdict"] == "better"
    assert steps[1]["evidence"]["low"] > 0
    assert steps[2]["evidence"] == {}, "forced in, whatever comparisons say"
    assert steps[3]["evidence"]["verdict"] == "better"
    assert {s["actor"] for s in steps[1:]} == {"eva"}
    for event, step in zip(decided, steps, strict=True):
        models = [m for m in (step["model"], step["other"]) if m]
        assert [i.name for i in event.inputs] == [f"models/{m}.json" for m in models]
        (output,) = event.outputs
        assert output.name == "champions/estimate"
        assert output.facets["version"]["datasetVersion"] == step["model"]

    reigns = [mine for mine in by_run.values() if mine[0].job.name == "estimate.telling"]
    champions = [m[0].inputs[0].facets["version"]["datasetVersion"] for m in reigns]
    assert champions == [first, second, first, second]
    for one, next_one in pairwise(reigns):
        assert one[1].eventTime == next_one[0].eventTime, "one ends when the next begins"
        assert [i.name for i in one[1].inputs] == [i.name for i in one[0].inputs]


def test_a_model_that_is_dropped_changes_no_champion(tmp_path: Path) -> None:
    with press(tmp_path, SOFT % ", every: 10 min") as found:
        found.until(lambda: "dropped" in found.steps(), most=3_000)
        champion = found.learner.champion
        last = told(found)[-1]
        step = last.run.facets["gemel_decision"]
        assert (last.eventType, step["step"], step["other"]) == ("COMPLETE", "dropped", champion)
        assert step["model"] != champion
        assert not last.outputs
        assert step["evidence"]["verdict"] != "better"
        assert step["evidence"]["rows"] > 0


def test_the_same_history_gives_the_same_events_and_more_only_adds(soft: Press) -> None:
    renewed(soft)
    events = list(lineage(soft.events, plant(soft)))
    soft.store.record(soft.events)
    kept = soft.store.events("model")
    random.Random(1).shuffle(kept)
    assert list(lineage(kept, plant(soft))) == events, "as they are on disk, in any order"
    for count in range(len(soft.events) + 1):
        part = list(lineage(soft.events[:count], plant(soft)))
        assert part == events[: len(part)]
    assert len({e["run"]["runId"] for e in events}) == len(runs(told(soft)))


def test_from_a_time_on(soft: Press) -> None:
    renewed(soft)
    events, moments = told(soft), sorted({event.time for event in soft.events})
    for start in moments:
        from_then = told(soft, start)
        assert from_then == [e for e in events if e.eventTime >= _text(start)]
    assert len(told(soft, moments[-1])) == 4, "a decision, one that ends, one that begins"
    assert not told(soft, moments[-1] + MINUTE)


def _text(time: int) -> str:
    seconds = time // 10**9 - 1_800_000_000
    return f"2027-01-15T{8 + seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}Z"


def test_remaining_life_has_no_target_among_its_signals(tmp_path: Path) -> None:
    with press(tmp_path, LIFE) as found:
        found.run(200)
        complete = told(found)[1]
        parts = {i.name: i.inputFacets["gemel_window"]["part"] for i in complete.inputs}
        assert parts == {"signals/press/wear": "column"}, (
            "that it fails is asked of the same signal"
        )


def test_nothing_that_is_secret_is_told(soft: Press) -> None:
    renewed(soft)
    text = "".join(line(event) for event in lineage(soft.events, plant(soft)))
    assert "press/force" in text
    for part in (SECRET, "hunter2", "10.0.0.7", str(soft.folder)):
        assert part not in text


# Histories that others wrote


def step(**told: Any) -> Event:
    given = {"task": "estimate", "title": "Estimate", "model": "0" * 16, "reason": "", **told}
    return step_event("press", ModelStep.model_validate(given), 10**18, "estimate")


BARE = Plantwide("gemel://plant", {}, lambda _: None)


def test_a_fit_from_before_signals_were_recorded_says_so() -> None:
    events = [read(line(e)) for e in lineage([step(step="fitted", window=(1, 2))], BARE)]
    (error,) = events[1].run.facets["extractionError"]["errors"]
    assert "what it read is not known" in error["errorMessage"]
    assert not events[1].inputs
    (output,) = events[1].outputs
    assert not output.outputFacets, "the file is gone"
    after = [read(line(e)) for e in lineage([step(step="champion")], BARE)]
    assert [i.name for i in after[-1].inputs] == ["champions/estimate"]


def test_what_is_no_number_is_null() -> None:
    evidence = {"figures": {"RMSE": [float("nan"), float("-inf"), 1.0]}}
    _, event = lineage([step(step="fitted", evidence=evidence)], BARE)
    found = json.loads(line(event))["run"]["facets"]["gemel_fit"]["evidence"]
    assert found == {"figures": {"RMSE": [None, None, 1.0]}}


def test_models_of_detectors_are_left_out() -> None:
    payload = {"detector": "pca", "model": "0" * 16, "evidence": {}}
    assert not list(lineage([Event("model", "press", 1, "pca", 1, payload=payload)], BARE))


def test_two_tasks_do_not_mix() -> None:
    one, other = step(step="champion"), step(step="champion", task="other", model="1" * 16)
    events = [read(line(e)) for e in lineage([one, other], BARE)]
    assert {e.job.name.partition(".")[0] for e in events} == {"estimate", "other"}
    runs(events)


# Names


def test_a_run_is_named_by_its_time_and_what_it_was() -> None:
    """RFC 9562, A.6: 2022-02-22T19:22:22.00Z is 017F22E2-79B0-7… ."""
    at = 1_645_557_742_000 * 10**6
    found = run_id(at, "gemel://plant", "estimate")
    assert found.startswith("017f22e2-79b0-7")
    assert found[19] in "89ab"
    assert run_id(at, "gemel://plant", "estimate") == found
    assert run_id(at, "gemel://plantestimate") != found
    assert run_id(at + 1_000_000, "gemel://plant", "estimate")[:13] == "017f22e2-79b1"


def test_a_plant_is_named_by_its_levels() -> None:
    assert namespace_of(Site(enterprise="Acme", site="Hall 2")) == "gemel://Acme/Hall%202"
    assert namespace_of(Site(site="a/b")) == "gemel://a%2Fb"
    assert namespace_of(Site()) == "gemel://plant"
