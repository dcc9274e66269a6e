"""The page on forecasting runs as it stands, from top to bottom."""

import re
from pathlib import Path
from typing import Any


def test_the_page_runs() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "forecast.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)  # noqa: S102 - the page is ours
    assert names["forecast"].mean.shape == (1, 24)
    assert (names["forecast"].at(0.05) < names["forecast"].at(0.95)).all()
    assert names["scores"]["sql_ratio"] < 1
