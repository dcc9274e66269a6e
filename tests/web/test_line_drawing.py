"""A line as it is drawn, with what is said of it."""

from __future__ import annotations

from gemel.doors.web.line_drawing import Capped, drawing


def station(name: str, *after: str) -> dict[str, object]:
    return {"name": name, "title": name, "after": after, "waiting": "", "places": None}


def test_caps_are_brackets_over_their_stretch() -> None:
    """One in each row that it goes through, said once; the same standing for a phone."""
    names = [f"s{i}" for i in range(8)]  # two rows
    line = [station(name, *names[max(0, i - 1) : i]) for i, name in enumerate(names)]
    without = drawing(line, {}, {})
    assert 'class="cap"' not in without
    caps = [Capped("all", 40, tuple(names), 12, counted=True),
            Capped("end", None, tuple(names[6:]), None, counted=True)]  # fmt: skip
    found = drawing(line, {}, {}, caps=caps)
    assert found.count('class="cap"') == 3 + 2
    assert found.count("all: 12 in it, at most 40") == 2
    assert found.count("end: no limit") == 2
    few = Capped("all", 40, ("s0",), 3, counted=False)
    assert few.said == "all: at least 3 in it, at most 40"
