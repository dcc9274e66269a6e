"""Frames as Arrow: the form on the wire and at rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from gemel.core.errors import DataError
from gemel.core.frame import Frame

__all__ = ["SCHEMA", "from_table", "to_batch"]

SCHEMA = pa.schema(
    [
        pa.field("signal", pa.int32(), nullable=False),
        pa.field("time", pa.int64(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("quality", pa.int16(), nullable=False),
    ]
)


def to_batch(frame: Frame) -> pa.RecordBatch:
    """The samples of a Frame without copying; its origin is not part of it."""
    columns = [frame.signal, frame.time, frame.value, frame.quality]
    return pa.record_batch([pa.array(column) for column in columns], schema=SCHEMA)


def from_table(table: pa.Table | pa.RecordBatch, **origin: Any) -> Frame:
    """A Frame from anything Arrow with the columns of `SCHEMA`; `quality` may be missing.

    `time` may be an integer (ns) or a timestamp of any resolution. Raises `DataError`.
    """
    names = table.schema.names
    for name in ("signal", "time", "value"):
        if name not in names:
            raise DataError(f"no column '{name}'; found {', '.join(names) or 'none'}")
    try:
        time = table.column("time")
        if pa.types.is_timestamp(time.type):
            time = time.cast(pa.timestamp("ns", tz=time.type.tz)).cast(pa.int64())
        signal = _numpy(table.column("signal").cast(pa.int32()), np.int32)
        times = _numpy(time.cast(pa.int64()), np.int64)
        value = _numpy(table.column("value").cast(pa.float64()), np.float64)
        if "quality" in names:
            quality = _numpy(table.column("quality").cast(pa.int16()), np.int16)
        else:
            quality = np.zeros(len(signal), np.int16)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"a column has the wrong type: {error}") from None
    return Frame(signal, times, value, quality, **origin)


def _numpy(column: Any, dtype: Any) -> Any:
    if column.null_count:
        if dtype is np.float64:
            column = column.fill_null(float("nan"))
        else:
            raise DataError(f"a column of {column.type} has {column.null_count} empty cells")
    return np.asarray(
        column.to_numpy(zero_copy_only=False)
        if isinstance(column, pa.Array)
        else column.to_numpy(),
        dtype=dtype,
    )
