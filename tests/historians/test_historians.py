"""Every historian, found by its file, passes the suite; one without settings here fails."""

from __future__ import annotations

from gemel.parts.historians import HISTORIANS
from gemel.testing.historians import HistorianSuite


class TestDuckDB(HistorianSuite):
    historian = HISTORIANS.build({"kind": "duckdb", "keep_free": 0, "reserve": 0})


class TestDuckDBInOneRowSegments(HistorianSuite):
    """Every commit closes a segment: the same answers out of many Parquet files."""

    historian = HISTORIANS.build(
        {"kind": "duckdb", "keep_free": 0, "reserve": 0, "segment_rows": 1}
    )


def test_every_historian_has_a_suite() -> None:
    tested = {HISTORIANS.name_of(c.historian) for c in HistorianSuite.__subclasses__()}
    assert tested == set(HISTORIANS.files())
