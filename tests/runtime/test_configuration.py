"""Plant files: what is read, and what a person is told who made a mistake."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemel.core.errors import ConfigurationError
from gemel.runtime.configuration import check, load
from gemel.runtime.yaml12 import parse

GOOD = """\
format: 1
plant: {time_zone: Europe/Berlin}
connectors:
  push: {kind: http}
types:
  pump:
    signals:
      flow: {unit: l/min, address: 'plc.{node}.flow', range: [0, 100]}
      state: {type: enumeration, labels: {0: Stopped, 6: Execute}}
assets:
  line/pump1: {type: pump, values: {node: P1}, connector: push}
  line/pump2:
    type: pump
    values: {node: P2}
    connector: push
    signals:
      temperature: {unit: °C}
"""


class TestYaml:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("NO", "NO"),
            ("yes", "yes"),
            ("12:30:00", "12:30:00"),
            ("1e3", 1000.0),
            ("0o17", 15),
            ("0x1F", 31),
            ("017", 17),
            ("true", True),
            ("~", None),
            ("", None),
            ("'5'", "5"),
            ("2026-03-01", "2026-03-01"),
            ("1_000", "1_000"),
            (".5", 0.5),
            ("-1.5E-3", -0.0015),
        ],
    )
    def test_scalars_of_the_core_schema_of_yaml_1_2(self, text: str, expected: object) -> None:
        assert parse(f"x: {text}", "f").data["x"] == expected

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("a: 1\na: 2", "f:2: 'a' stands twice"),
            ("a: 1\n\tb: 2", "f:2: not YAML: .*tabs"),
            ("a: [1, 2", "f:2?.*not YAML"),
            ("a: .nan", "f:1: .nan is not a usable number"),
            ("a: !!python/object:os.system x", "f:1: tag"),
            ("[" * 5_000, "nested too deeply"),
            ("? {a: 1}\n: 2", "a key must be a word"),
        ],
    )
    def test_what_is_wrong_is_said_with_its_line(self, text: str, says: str) -> None:
        with pytest.raises(ConfigurationError, match=says):
            parse(text, "f")

    def test_a_document_cannot_explode(self) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
        with pytest.raises(ConfigurationError, match="too large"):
            parse("\n".join(lines), "f")

    @given(st.text(max_size=200))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        with contextlib.suppress(ConfigurationError):
            assert parse(text, "f").name == "f"


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    path = tmp_path / "plant.yaml"
    path.write_text(GOOD)
    return path


def test_types_are_filled_in(plant: Path) -> None:
    plan = load(plant)
    assert [s.path for s in plan.signals] == [
        "line/pump1/flow",
        "line/pump1/state",
        "line/pump2/flow",
        "line/pump2/state",
        "line/pump2/temperature",
    ]
    assert plan.signals[2].address == "plc.P2.flow"
    assert check(plant) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("kind: http", "kind: htp", r"plant.yaml:4: .*named 'htp'; did you mean 'http'"),
        ("kind: http", "port: 1", r"plant.yaml:4: .*`kind` is missing; one of: .*http"),
        ("unit: l/min,", "unti: l/min,", r"plant.yaml:8: .*unti: is not known.*'unit'"),
        ("[0, 100]", "[100, 0]", r"plant.yaml:8: .*the first must be below the second"),
        ("connector: push}", "connector: psh}", r"plant.yaml:11: .*did you mean 'push'"),
        ("type: pump, v", "type: pmp, v", r"plant.yaml:11: .*'pmp'; did you mean 'pump'"),
        ("node: P1", "nod: P1", r"plant.yaml:11: .*needs 'node'"),
        ("format: 1\n", "", r"plant.yaml: 'format' is missing"),
        ("format: 1", "format: 9", r"plant.yaml:1: format: is 9, must be 1"),
        ("Europe/Berlin", "Berlin", r"plant.yaml:2: .*'Berlin' is not a time zone"),
        ("unit: °C", "stale_after: 5", r"plant.yaml:17: .*needs a unit; write e.g. '5 s'"),
        ("kind: http}", "kind: http, largest: -1}", r"plant.yaml:4: .*largest: is -1, must be"),
    ],
)
def test_mistakes_are_explained_at_their_line(plant: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    plant.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ConfigurationError, match=says):
        load(plant)
    assert [a for a in check(plant) if a.severity == "error"]


def test_all_mistakes_are_listed(plant: Path) -> None:
    plant.write_text(GOOD.replace("unit: l/min", "unti: x").replace("unit: °C", "tpye: text"))
    assert len(check(plant)) == 2


@pytest.mark.parametrize(
    ("section", "says"),
    [
        (
            "alarms:\n  a: {asset: line/pump1, when: 'flw > 3'}\n",
            "plant.yaml:19: alarm 'a': when: .*'flw' is not known; did you mean",
        ),
        (
            "detectors:\n  d: {kind: pca, asset: line/pump9}\n",
            "plant.yaml:19: detector 'd': .*'line/pump9' has no signals; did you mean",
        ),
        (
            "reasoners:\n  r:\n    kind: rules\n    asset: line/pump1\n    when: flow > 'x'\n"
            "    finding: {title: t}\n",
            "plant.yaml:22: reasoner 'r': .*cannot compare",
        ),
    ],
)
def test_expressions_are_checked_before_anything_runs(plant: Path, section: str, says: str) -> None:
    plant.write_text(GOOD + section)
    with pytest.raises(ConfigurationError, match=says):
        load(plant)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="gemel discover"):
        load(tmp_path / "plant.yaml")


def test_doubts_are_notes(plant: Path) -> None:
    plant.write_text(GOOD + "  line/idle: {signals: {x: {}}}\n")
    (note,) = check(plant)
    assert note.severity == "note"
    assert "has signals but no connector" in note.sentence
