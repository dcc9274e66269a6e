"""Every numbered example runs, and prints what stands in examples/output.

Set ``GEMEL_WRITE_OUTPUT=1`` to write these files anew after a change that is meant.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("[0-9]*.py"))

VARYING = (
    (re.compile(r"in \d+\.\d s$", re.MULTILINE), "in 0.0 s"),
    (re.compile(r"\d+\.\d MB"), "1.0 MB"),
    (re.compile(r"\d+\.\d GB\s+free"), "50.0 GB free"),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
)
"""What depends on the machine, and what is written in its place."""


def settled(text: str) -> str:
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return text.strip() + "\n"


def run(script: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def started() -> Iterator[dict[Path, Future[subprocess.CompletedProcess[str]]]]:
    """All examples, two at a time: most of their time is spent in starting and waiting."""
    with ThreadPoolExecutor(2) as pool:
        yield {script: pool.submit(run, script) for script in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_prints_what_the_page_shows(
    script: Path, started: dict[Path, Future[subprocess.CompletedProcess[str]]]
) -> None:
    done = started[script].result()
    assert done.returncode == 0, done.stderr[-3000:]
    found, shown = settled(done.stdout), EXAMPLES / "output" / f"{script.stem}.txt"
    if os.environ.get("GEMEL_WRITE_OUTPUT"):
        shown.write_text(found, encoding="utf-8")
    assert found == shown.read_text(encoding="utf-8")


def test_every_output_belongs_to_an_example() -> None:
    written = {p.stem for p in (EXAMPLES / "output").glob("*.txt")}
    assert written == {p.stem for p in SCRIPTS}
