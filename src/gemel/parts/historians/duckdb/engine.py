"""The DuckDB side of a data folder: one instance in memory that asks Parquet files and logs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

__all__ = ["Engine"]


class Engine:
    """One DuckDB instance; each question has a connection of its own."""

    def __init__(self, folder: Path, memory: str) -> None:
        self._instance = duckdb.connect(
            ":memory:",
            config={
                "threads": 1,
                "memory_limit": memory,
                "temp_directory": str(folder / "tmp"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "preserve_insertion_order": True,
            },
        )

    def close(self) -> None:
        """Close the instance."""
        self._instance.close()

    def ask(self, sql: str, tables: Mapping[str, Any]) -> pa.Table:
        """The answer, whole. `tables` are Arrow tables or readers by their name in the question;
        a reader can be read once."""
        with self.asking(sql, tables) as found:
            return found.to_arrow_table()

    @contextlib.contextmanager
    def asking(self, sql: str, tables: Mapping[str, Any]) -> Iterator[duckdb.DuckDBPyRelation]:
        """The answer, to be fetched in here."""
        cursor = self._instance.cursor()
        try:
            for name, table in tables.items():
                cursor.register(name, table)
            yield cursor.sql(sql)
        finally:
            cursor.close()
