"""Quality: do the values of the product hold their limits?"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import numpy as np
from fastapi import APIRouter

from gemel.core.errors import ConfigurationError, DataError, Unknown, did_you_mean
from gemel.core.frame import Values
from gemel.core.plant import PlantSignal
from gemel.core.time import SECOND, isoformat, parse_time, zone
from gemel.doors.api.access import Running, Viewer
from gemel.runtime.daemon import Daemon
from gemel.twin.learning import Normal
from gemel.twin.learning.spc import Charted, charted
from gemel.twin.learning.windows import recorded

router = APIRouter(tags=["quality"])

_BINS: Final = 24


@router.get("/quality")
async def quality(daemon: Running, _: Viewer, start: str = "-8h") -> list[dict[str, Any]]:
    """Every value of the product with its specification, control chart and capability."""
    now, local = daemon.clock(), zone(daemon.plan.plant.plant.time_zone)
    first = parse_time(start, local, now)
    return [
        await asyncio.to_thread(_about, daemon, planned, first, now)
        for planned in daemon.plan.signals
        if _of_product(planned)
    ]


@router.get("/quality/{path:path}")
async def quality_of(path: str, daemon: Running, _: Viewer, start: str = "-8h") -> dict[str, Any]:
    """The same of one signal."""
    planned = daemon.planned.get(path)
    if planned is None:
        raise Unknown(f"no signal '{path}'; {did_you_mean(path, daemon.planned)}")
    if planned.signal.type != "number":
        raise ConfigurationError(f"'{path}' is {planned.signal.type}; only numbers are charted")
    now, local = daemon.clock(), zone(daemon.plan.plant.plant.time_zone)
    return await asyncio.to_thread(_about, daemon, planned, parse_time(start, local, now), now)


def _of_product(planned: PlantSignal) -> bool:
    signal = planned.signal
    return signal.type == "number" and (
        signal.role == "quality" or signal.specification is not None
    )


def _about(daemon: Daemon, planned: PlantSignal, start: int, end: int) -> dict[str, Any]:
    asked = planned.signal.specification
    told: dict[str, Any] = {
        "signal": planned.path,
        "asset": planned.asset,
        "title": planned.signal.title or planned.path.rpartition("/")[2],
        "unit": planned.signal.unit,
        "specification": None if asked is None else asked.model_dump(mode="json"),
        "start": isoformat(start),
        "end": isoformat(end),
        "problem": "",
    }
    when = "" if asked is None else asked.when
    rows = recorded(
        Normal.of(
            [planned.path], daemon.numbers, SECOND, 0, when, daemon.plan.signals, planned.asset
        ),
        daemon.store, start, end,
    )  # fmt: skip
    known = np.isfinite(rows.value[:, 0])
    try:
        found = charted(rows.time[known], rows.value[known, 0], asked)
    except DataError as error:
        return {**told, "problem": str(error)}
    return {**told, **_plain(found)}


def _plain(found: Charted) -> dict[str, Any]:
    values = found.values[np.isfinite(found.values)]
    count, edges = np.histogram(values, bins=_BINS)
    able = found.capability
    return {
        "kind": "xbar-s" if found.values.shape[1] > 1 else "i-mr",
        "wanders": found.wanders,
        "points": [isoformat(int(moment)) for moment in found.time],
        "tracks": [
            {
                "statistic": t.statistic, "value": _list(t.value), "centre": _list(t.centre),
                "lower": _list(t.lower), "upper": _list(t.upper), "sigma": _list(t.sigma),
            }
            for t in found.tracks
        ],
        "violations": [
            {"first": v.first, "last": v.last, "sentence": v.sentence()} for v in found.found
        ],
        "reference": found.reference,
        "histogram": {"count": count.tolist(), "edges": edges.tolist()},
        "values": len(values),
        "mean": float(values.mean()),
        "deviation": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        "capability": None if able is None else {
            "in_control": able.in_control,
            "indices": [
                {"name": i.name, "value": i.value, "low": i.low, "high": i.high}
                for i in able.indices
            ],
            "outside_ppm": {
                "observed": able.observed.total, "expected": able.overall_expected.total
            },
        },
        "notes": list(found.notes),
    }  # fmt: skip


def _list(values: Values) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]
