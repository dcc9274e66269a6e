"""Job responses as JSON, with the names of B2MML (ISA-95 Part 4)."""

from __future__ import annotations

import json
import math
from datetime import tzinfo
from typing import Any, Final

from gemel.core.errors import ConfigurationError, DataError, did_you_mean
from gemel.core.job import STATES, JobResponse
from gemel.core.time import isoformat, parse_time

__all__ = ["read_responses", "response_of"]

_FIELDS: Final = (
    "ID", "JobOrderID", "JobState", "StartTime", "EndTime", "MaterialActual", "Description",
)  # fmt: skip
_USUAL: Final = {
    "Ready": "AllowedToStart", "Held": "Interrupted", "Suspended": "Interrupted",
    "Completed": "Ended", "Closed": "Ended", "Cancelled": "Aborted", "Waiting": "NotAllowedToStart",
}  # fmt: skip
"""States of ISA-95 Part 4 that are parts of those of OPC 10031-4."""


def read_responses(body: bytes, local: tzinfo) -> list[JobResponse]:
    """The responses in a body; times without offset are of `local`. Raises `DataError` with the
    place, what was found and what would work: then nothing of it is taken."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}") from None
    if not isinstance(told, dict) or "JobResponse" not in told or len(told) > 1:
        raise DataError('write {"JobResponse": [{"JobOrderID": …, "JobState": …}]}')
    items = told["JobResponse"] if isinstance(told["JobResponse"], list) else [told["JobResponse"]]
    if not items:
        raise DataError("JobResponse is empty: there is nothing to tell")
    return [_one(item, f"JobResponse[{n}]", local) for n, item in enumerate(items)]


def response_of(response: JobResponse) -> dict[str, Any]:
    """The same names on the way out; what is not known is left out."""
    told: dict[str, Any] = {"JobOrderID": response.job, "JobState": response.state}
    if response.start is not None:
        told["StartTime"] = isoformat(response.start)
    if response.end is not None:
        told["EndTime"] = isoformat(response.end)
    if response.quantity is not None:
        quantity = {"QuantityString": f"{response.quantity:.15g}"}
        told["MaterialActual"] = [{"MaterialUse": "Produced", "Quantity": quantity}]
    return told


def _one(item: Any, where: str, local: tzinfo) -> JobResponse:
    if not isinstance(item, dict):
        raise DataError(f"{where}: is {type(item).__name__}, must be an object")
    for name in item:
        if name not in _FIELDS:
            raise DataError(f"{where}.{name}: is not known; {did_you_mean(name, _FIELDS)}")
    job = item.get("JobOrderID")
    if not isinstance(job, str) or not job:
        raise DataError(f"{where}.JobOrderID: is {job!r}, must be the ID of a job order")
    state = item.get("JobState")
    known = _USUAL.get(state, state) if isinstance(state, str) else None
    if known not in STATES:
        words = ", ".join((*STATES, *_USUAL))
        raise DataError(f"{where}.JobState: is {state!r}, must be one of {words}")
    start, end = (_time(item, name, where, local) for name in ("StartTime", "EndTime"))
    if start is not None and end is not None and end < start:
        raise DataError(f"{where}.EndTime: lies before StartTime")
    return JobResponse(
        job, known, str(state), start, end, _quantity(item.get("MaterialActual"), where)
    )


def _time(item: dict[str, Any], name: str, where: str, local: tzinfo) -> int | None:
    text = item.get(name)
    if text is None:
        return None
    try:
        if not isinstance(text, str) or "T" not in text:
            raise ConfigurationError("no time")
        return parse_time(text, local)
    except ConfigurationError:
        raise DataError(
            f"{where}.{name}: is {text!r}, must be a time such as '2026-03-01T06:00:00Z'"
        ) from None


def _quantity(told: Any, where: str) -> float | None:
    """Good parts: the sum of what was produced; the only material, if none is said to be."""
    if told is None:
        return None
    items = told if isinstance(told, list) else [told]
    found = []
    for n, item in enumerate(items):
        place = f"{where}.MaterialActual[{n}]"
        if not isinstance(item, dict) or "Quantity" not in item:
            raise DataError(f'{place}: write {{"Quantity": {{"QuantityString": "480"}}}}')
        quantity = item["Quantity"]
        text: Any = quantity.get("QuantityString") if isinstance(quantity, dict) else quantity
        try:
            number = float(text) if not isinstance(text, bool) else math.nan
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number) or number < 0:
            raise DataError(f"{place}.Quantity: is {text!r}, must be a number of at least 0")
        found.append((str(item.get("MaterialUse", "")), number))
    produced = [number for use, number in found if "produced" in use.lower()]
    chosen = produced or ([found[0][1]] if len(found) == 1 else [])
    return sum(chosen) if chosen else None
