"""What a sample costs on disk, and what swinging door saves at what error.

    python -m benchmarks.stored_bytes [--data DIR] [--json FILE]

SKAB, TEP and CWRU go through `commit` in pieces of 10,000 rows and `seal` into Parquet; bytes are
those of all Parquet files of the closed segments. What was stored is read back and counted. The
samples that swinging door dropped are read back as a straight line between the stored ones; errors
are over all samples, in % of the range of their signal.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compression import compressed, errors
from benchmarks.detection_metrics import table
from benchmarks.public_data import Run, cwru, digest, folder, frame_of, skab_normal, tep
from gemel.core.frame import Frame
from gemel.parts.historians import HISTORIANS
from gemel.parts.historians.base import Query
from gemel.parts.operators import OPERATORS
from gemel.runtime.clock import system_clock

PERCENT = 0.5
PIECE = 10_000
RAW_BYTES = 22
"""Of one row in memory: signal 4, time 8, value 8, quality 2."""


def stored(frame: Frame, signals: int) -> tuple[int, Frame]:
    """Bytes on disk after sealing, and the rows as history gives them, in order of time."""
    with tempfile.TemporaryDirectory(prefix="gemel-bench-") as name:
        path = Path(name)
        with HISTORIANS.build({"kind": "duckdb", "keep_free": 0}).open(path, system_clock) as store:
            for j in range(signals):
                store.catalogue.declare(f"signal/{j}")
            for piece in frame.pieces(PIECE):
                store.commit([piece])
            store.seal()
            size = sum(file.stat().st_size for file in (path / "segments").glob("*.parquet"))
            found = store.query(Query(np.arange(signals, dtype=np.int32), -(2**62), 2**62))
    columns = [found.column(n).to_numpy() for n in ("signal", "time", "value", "quality")]
    order = np.argsort(columns[1], kind="stable")
    return size, Frame.of(*(column[order] for column in columns))


def measured(title: str, run: Run) -> list[dict[str, Any]]:
    """Two rows of the table: every sample, and those that swinging door keeps."""
    low, high = run.value.min(axis=0), run.value.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    whole = frame_of(run)
    door = OPERATORS.build(
        {
            "kind": "swinging_door",
            "percent": PERCENT,
            "ranges": {str(j): [float(low[j]), float(low[j] + span[j])] for j in range(len(low))},
        }
    )
    kept = compressed(list(whole.pieces(PIECE)), door)
    told = {"none": whole, f"swinging door {PERCENT} %": kept}
    found = []
    for name, frame in told.items():
        size, back = stored(frame, len(low))
        assert len(back) == len(frame), (title, name, len(back), len(frame))
        share = 100 * np.abs(errors(run, back, hold=False)) / span
        found.append({
            "data": title,
            "compression": name,
            "samples": len(whole),
            "stored rows": len(back),
            "bytes": size,
            "bytes per stored row": size / len(back),
            "bytes per sample": size / len(whole),
            "RMSE, % of range": float(np.sqrt((share**2).mean())),
            "largest error, % of range": float(share.max()),
        })  # fmt: skip
    return found


def run(data: Path) -> dict[str, Any]:
    """The table, and the hash of the data."""
    runs = {
        "SKAB without anomalies, 8 signals, 1 Hz": skab_normal(data),
        "TEP d00_te, 52 signals, 3 min": tep(data, "d00_te"),
        "CWRU IR007_0, vibration, 12 kHz": cwru(data),
    }
    return {
        "sha256": digest(one.file for one in runs.values()),
        "bytes of a row in memory": RAW_BYTES,
        "rows": [row for title, one in runs.items() for row in measured(title, one)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", help="data folder; GEMEL_DATA or ../shared/data if not given")
    parser.add_argument("--json", type=Path, help="write the results here too")
    arguments = parser.parse_args()
    found = run(folder(arguments.data))
    print(f"sha256 {found['sha256']}\n\n{table(found['rows'])}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    sys.exit(main())
