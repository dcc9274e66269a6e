"""`gemel chart`, `capability` and `gauge`: what they take. What they do is in `charting` and
`judging`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from gemel.doors.cli.options import AsJson, DataFolder

__all__ = ["capability", "chart", "gauge", "quality"]

DataFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FILE", help="A CSV or Parquet file, a row per value or sample")
]
ValueColumn: TypeAlias = Annotated[
    str, typer.Option("--column", metavar="COLUMN", help="Column of the values or counts")
]
Subgroup: TypeAlias = Annotated[
    int | None,
    typer.Option("--subgroup", min=2, metavar="N", help="So many rows in a row are a subgroup"),
]
By: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--by", metavar="COLUMN", help="A subgroup ends where this column changes, e.g. a batch"
    ),
]


def chart(
    file: DataFile,
    column: ValueColumn,
    subgroup: Subgroup = None,
    by: By = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="i-mr, xbar-r, xbar-s, p, np, c, u, ewma or cusum; without it i-mr, of subgroups "
            "xbar-r, of more than ten rows xbar-s"
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column of the size of each sample, for p, np and u"),
    ] = None,
    rules: Annotated[
        str, typer.Option(help="western-electric, nelson, limits or none")
    ] = "western-electric",
    phase_one: Annotated[
        int | None,
        typer.Option(
            "--phase-one", min=2, metavar="N", help="Only the first N points make the limits"
        ),
    ] = None,
    laney: Annotated[
        bool, typer.Option("--laney", help="Laney's p′ or u′, for very large samples")
    ] = False,
    json: AsJson = False,
) -> None:
    """Make a control chart, and say whether the process is in control."""
    from gemel.doors.cli import charting

    charting.chart(
        file, column, subgroup, by, kind, size, rules, phase_one, laney=laney, as_json=json
    )


def capability(
    file: DataFile,
    column: ValueColumn,
    lower: Annotated[
        float | None, typer.Option(metavar="L", help="Lower specification limit")
    ] = None,
    upper: Annotated[
        float | None, typer.Option(metavar="U", help="Upper specification limit")
    ] = None,
    target: Annotated[float | None, typer.Option(metavar="T", help="Target, for Cpm")] = None,
    subgroup: Subgroup = None,
    by: By = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of the intervals")] = 0.95,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Tell Cp and Cpk of a process that is not in control")
    ] = False,
    json: AsJson = False,
) -> None:
    """Compare a process with its specification: Cp, Cpk, Pp, Ppk, Cpm, ppm."""
    from gemel.doors.cli import judging

    judging.capability(
        file, column, lower, upper, target, subgroup, by, confidence, anyway=anyway, as_json=json
    )


def gauge(
    file: DataFile,
    part: Annotated[str, typer.Option(metavar="COLUMN", help="Column that names the part")],
    appraiser: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column that names who measured")
    ],
    value: Annotated[str, typer.Option(metavar="COLUMN", help="Column of what was measured")],
    tolerance: Annotated[
        float | None, typer.Option(metavar="T", help="Width of the specification")
    ] = None,
    method: Annotated[str, typer.Option(help="anova, or range: averages and ranges")] = "anova",
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of the intervals")] = 0.95,
    json: AsJson = False,
) -> None:
    """Say how much of what is measured is the measuring: gauge R&R of a crossed study."""
    from gemel.doors.cli import judging

    judging.gauge(file, part, appraiser, value, tolerance, method, confidence, as_json=json)


def quality(
    start: Annotated[str, typer.Option(help="From when on, e.g. -8h")] = "-8h",
    data: DataFolder = Path("gemel-data"),
    as_json: AsJson = False,
) -> None:
    """Does the product hold its limits? Charts and capability of what a running twin measured."""
    from gemel.doors.cli import charting

    charting.quality(data, start, as_json=as_json)
