"""The page on diagnosis runs as it stands, from top to bottom."""

import re
from pathlib import Path
from typing import Any


def test_the_page_runs() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "diagnose.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)  # noqa: S102 - the page is ours
    assert names["first"].name == "outer race"
    assert names["first"].low > 0.9
    assert names["moved"].notes[0].startswith("in order of time: pressure")
    assert names["alike"].causes[0].name == "leak"
    assert names["alike"].causes[0].said == "done then: seal changed"
    assert names["behind"].causes[0].name == "pressure"
    assert names["behind"].notes == ()
    assert all(names["known"].diagnose(case).new for case in names["unknown"])
    assert names["known"].together(names["unknown"]) == (0, 0, 0, 0)
    assert names["better"].diagnose(names["blocked"](30)).causes[0].name == "filter blocked"
