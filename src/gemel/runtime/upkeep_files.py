"""Maintenance files: YAML, with lives from tables beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gemel.core.errors import ConfigurationError, DataError, did_you_mean
from gemel.core.time import parse_duration
from gemel.core.wear.fit import WeibullFit, fit_weibull
from gemel.core.wear.upkeep import Upkeep
from gemel.parts.connectors.files.columns import read_columns
from gemel.runtime.described import document_of, settings_of
from gemel.runtime.yaml12 import Document

__all__ = ["ReadUpkeep", "read_upkeep"]

_EXAMPLE = "such a file has `assets`, each with life or wear, planned_cost and failure_cost"
_TABLE_KEYS = ("kind", "file", "age", "failed", "unit", "covariates")


@dataclass(frozen=True, slots=True)
class ReadUpkeep:
    """A maintenance file as it was read; `fits` are the lives that came from tables, `files` what
    was read, with size and time of change."""

    upkeep: Upkeep
    fits: dict[str, WeibullFit]
    files: tuple[tuple[str, int, int], ...]
    document: Document = field(repr=False)


def read_upkeep(path: Path) -> ReadUpkeep:
    """Raises `ConfigurationError` with the line of what is wrong, `DataError` for a bad table."""
    document = document_of(path, _EXAMPLE)
    data, fits = _with_tables(document, path.parent)
    upkeep = settings_of(document, Upkeep, data)
    tables = [
        path.parent / asset["life"]["file"]
        for name, asset in document.data["assets"].items()
        if name in fits
    ]
    stats = [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in [path, *tables]]
    return ReadUpkeep(upkeep, fits, tuple(stats), document)


@contextmanager
def _named(file: Path, column: str) -> Iterator[None]:
    """Says of unusable data in which column of which file they are."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{file}: column '{column}': {error}") from None


def _with_tables(document: Document, folder: Path) -> tuple[dict[str, Any], dict[str, WeibullFit]]:
    """The data with a Weibull life where the file says `life: {kind: table, …}`."""
    data = dict(document.data)
    assets = data.get("assets")
    if not isinstance(assets, dict):
        return data, {}
    fits, found = {}, {}
    for name, asset in assets.items():
        life = asset.get("life") if isinstance(asset, dict) else None
        if isinstance(life, dict) and life.get("kind") == "table":
            where = document.where(("assets", name, "life"))
            fits[name], written = _fitted(life, folder, where)
            asset = {**asset, "life": written}
        found[name] = asset
    return {**data, "assets": found}, fits


def _fitted(life: dict[str, Any], folder: Path, where: str) -> tuple[WeibullFit, dict[str, Any]]:
    for key in life:
        if key not in _TABLE_KEYS:
            raise ConfigurationError(
                f"life.{key}: is not known here; {did_you_mean(key, _TABLE_KEYS)}", where
            )
    for key in ("file", "age", "unit"):
        if not isinstance(life.get(key), str):
            raise ConfigurationError(
                f"life.{key} is missing: a life from a table says `file`, the column `age`, its "
                "`unit` such as 1 h, and the column `failed` (1 or 0)", where
            )  # fmt: skip
    covariates = life.get("covariates") or {}
    if not isinstance(covariates, dict):
        raise ConfigurationError("life.covariates: write {column: value of this asset}", where)
    columns = [life["age"], *([life["failed"]] if life.get("failed") else []), *covariates]
    read = read_columns(folder / life["file"], columns)
    ages = read.numbers[0]
    failed = read.numbers[1] != 0 if life.get("failed") else ages == ages
    rest = read.numbers[1 + bool(life.get("failed")) :]
    with _named(folder / life["file"], life["age"]):
        fit = fit_weibull(ages, failed, dict(zip(covariates, rest, strict=True)))
    unit = parse_duration(life["unit"])
    scale = fit.scale_at(list(covariates.values()))
    return fit, {
        "kind": "weibull", "shape": fit.shape.value, "scale": f"{round(scale * unit)} ns",
    }  # fmt: skip
