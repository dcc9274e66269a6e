"""What a plan changes: a thing is what it says, and what its names lead to."""

from __future__ import annotations

from pathlib import Path

import pytest

from gemel.runtime.comparing import Changes, Difference, compare, needs_restart, outline
from gemel.runtime.configuration import Plan, load

PLANT = """\
format: 1
connectors:
  push: {kind: http}
  other: {kind: http}
types:
  mill: {signals: {speed: {unit: 1/h, role: speed}, state: {type: enumeration, labels: {6: Run}}}}
assets:
  line/a: {type: mill, connector: push, ideal_rate: 100}
  line/b: {type: mill, connector: push, ideal_rate: 100, after: [line/a]}
  line/c:
    connector: other
    signals: {level: {unit: mm}, valve: {}, note: {}}
    commands: {set: {signal: valve, envelope: {low: 0, high: 1, interlocks: ["level < 5"]}}}
detectors:
  odd: {kind: control_chart, asset: line/c, signals: [line/c/level], normal: "valve > 0"}
alarms:
  high: {asset: line/c, when: "level > 5"}
  fast: {asset: line/a, when: "speed > 5", suppress_when: "c.valve > 0"}
reasoners:
  note: {kind: rules, asset: line/a, when: "c.level > 1", finding: {title: x}}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return load(tmp_path / "plant.yaml", PLANT)


def changed(plan: Plan, *replaced: tuple[str, str]) -> dict[str, Difference]:
    """What is different, section by section."""
    text = PLANT
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    changes: Changes = compare(outline(plan), outline(load(plan.path, text)))
    return {section: d for section, d in changes.sections.items() if d.any}


def test_the_same_file_changes_nothing(plan: Plan) -> None:
    assert changed(plan) == {}
    assert changed(plan, ("format: 1\n", "format: 1\nplant: {site: Elsewhere}\n")) == {}


def test_a_setting_changes_its_part_only(plan: Plan) -> None:
    assert changed(plan, ('> 5"}', '> 6"}'))["alarms"].changed == ("high",)
    assert list(changed(plan, ('> 5"}', '> 6"}'))) == ["alarms"]
    assert list(changed(plan, ("high: 1", "high: 2"))) == ["commands"]
    assert list(changed(plan, ("other: {kind: http}", "other: {kind: http, waiting: 3}"))) == [
        "connectors"
    ]
    assert list(changed(plan, ("valve: {}", "valve: {range: [0, 9]}"))) == ["signals"]


def test_another_address_changes_connector_and_commands(plan: Plan) -> None:
    found = changed(plan, ("valve: {}", "valve: {address: x}"))
    assert {section: d.changed for section, d in found.items()} == {
        "connectors": ("other",), "signals": ("line/c/valve",), "commands": ("line/c/set",),
    }  # fmt: skip


def test_another_unit_changes_all_that_looks_at_it(plan: Plan) -> None:
    found = changed(plan, ("level: {unit: mm}", "level: {unit: cm}"))
    assert {section: d.changed for section, d in found.items()} == {
        "signals": ("line/c/level",), "commands": ("line/c/set",), "detectors": ("odd",),
        "reasoners": ("note",), "alarms": ("high",),
    }  # fmt: skip


def test_a_name_that_means_another_signal_now_changes_its_rule(plan: Plan) -> None:
    found = changed(plan, ("  line/c:\n", "  line/a/c: {signals: {level: {}}}\n  line/c:\n"))
    assert found["reasoners"].changed == ("note",)
    assert found["signals"].added == ("line/a/c/level",)
    assert "alarms" not in found


def test_what_comes_and_goes(plan: Plan) -> None:
    found = changed(plan, ("  high: {", "  new: {"), ("  odd: {", "  even: {"))
    assert (found["alarms"].added, found["alarms"].removed) == (("new",), ("high",))
    assert found["alarms"].kept == ("fast",)
    assert (found["detectors"].added, found["detectors"].removed) == (("even",), ("odd",))


def test_neighbours_belong_to_a_machine(plan: Plan) -> None:
    assert changed(plan, ("100, after", "120, after"))["machines"].changed == ("line/a", "line/b")
    shifts = "shifts: [{name: early, start: '06:00', end: '14:00'}]\n"
    found = changed(plan, ("alarms:\n", shifts + "alarms:\n"))
    assert found["machines"].changed == ("line/a", "line/b")


def test_in_words() -> None:
    sections = {"signals": Difference(kept=("a",), added=("b", "c")), "alarms": Difference()}
    assert str(Changes(sections)) == "added 2 signals; kept all else"
    payload = Changes(sections).payload("1", "2", "eva")
    assert (payload.kept, payload.added) == ({"signals": 1}, {"signals": ("b", "c")})
    assert (payload.changed, payload.removed) == ({}, {})


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("format: 1\n", "format: 1\nplant: {time_zone: Asia/Tokyo}\n", "plant.time_zone changes"),
        ("format: 1\n", "format: 1\nretention: {bytes: 100}\n", "retention changes"),
        ("note: {}", "note: {type: text}", "signal 'line/c/note' changes from number to text"),
        ("valve: {}", "valve: {unit: mm}", ""),
    ],
)
def test_what_takes_a_restart_is_named(plan: Plan, old: str, new: str, says: str) -> None:
    text = PLANT.replace(old, new)
    found = needs_restart(plan, load(plan.path, text))
    assert found.startswith(says)
    assert bool(found) == bool(says)
