"""All benchmarks: prints their tables and writes docs/performance.md.

    python -m benchmarks.run [--quick] [--only NAME ...] [--output FILE]

Each section of the page says when and on what machine it ran, the protocol of its figures, its
target and whether that was reached, with the raw figures below. A run of some benchmarks keeps the
other sections as they are. What cannot run here (a peer or the data is missing) is reported as not
run, and its former section is kept. `--quick` takes small sizes, to see that everything works: its
figures say so and decide nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.detection_metrics import table

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
HEAD = """\
# Performance

Measured by `make bench`, each section when and where it says. Figures against a peer come from the
same machine in the same run; what a benchmark claims to have stored it reads back and counts.
"""


@dataclass(frozen=True)
class Found:
    """What a benchmark found; `reached` has a sentence per target and whether it was reached."""

    rows: list[dict[str, Any]]
    raw: Any
    reached: list[tuple[str, bool]] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    tables: tuple[tuple[str, list[dict[str, Any]]], ...] = ()
    """Further tables with their titles."""


@dataclass(frozen=True)
class Section:
    """A benchmark: `measure` is given whether to be quick."""

    title: str
    protocol: str
    measure: Callable[[bool], Found]
    needs: tuple[str, ...] = ()
    """Programs of peers."""


class NotRun(Exception):
    """Something that it takes is not here."""


def ingest(quick: bool) -> Found:
    from benchmarks import ingest as benchmark

    found = benchmark.run(3 if quick else 40, 1 if quick else 3)
    rows = [
        {"": "Gemel", "rows/s": found["gemel_rows_per_second"]},
        {"": "bare DuckDB inserts", "rows/s": found["duckdb_rows_per_second"]},
    ]
    ratio = float(found["ratio"])
    return Found(rows, found, [(f"{ratio:.2f} of bare inserts; at least 0.9 wanted", ratio >= 0.9)])


def push(quick: bool) -> Found:
    from benchmarks import push as benchmark

    found = benchmark.run(4 if quick else 40, 1 if quick else 3)
    rows = [{"": name, "rows/s": value} for name, value in found["rows_per_second"].items()]
    wanted = {"victoriametrics": 6.0, "influxdb": 12.0}
    return Found(rows, found, [
        (f"{found['ratio'][peer]:.1f} times {peer}; at least {least:g} wanted",
         found["ratio"][peer] >= least)
        for peer, least in wanted.items()
    ])  # fmt: skip


def latency(quick: bool) -> Found:
    from benchmarks import latency as benchmark

    found = benchmark.run(200 if quick else 10_000, 1 if quick else 2)
    rows, reached = [], []
    for case in ("quiet", "loaded"):
        names = ("gemel", "asyncua")
        rows += [{"": f"{name}, {case}", **found[case][name]} for name in names]
        ratio = found[case]["ratio of p99_ms"]
        shown = "an unknown ratio" if ratio is None else f"{ratio:.2f} times"
        reached.append((f"{case}: {shown} the p99 of the bare loop; at most 1.5 wanted",
                        ratio is not None and ratio <= 1.5))  # fmt: skip
    return Found(rows, found, reached)


def pages(quick: bool) -> Found:
    from benchmarks import pages as benchmark

    sizes = (1_000, 100_000, 20, 100) if quick else (100_000, 1_000_000, 200, 1_000)
    found = benchmark.run(*sizes)
    page, chart, start = found["first_page"], found["chart"], found["start"]
    many, samples, signals = (
        f"{n:,}" for n in (page["assets"], chart["samples"], start["signals"])
    )
    seconds = {
        f"first page of {many} assets, p50": page["p50_ms"] / 1e3,
        f"first page of {many} assets, p99": page["p99_ms"] / 1e3,
        f"chart of {samples} samples, the first": chart["first_ms"] / 1e3,
        f"chart of {samples} samples, slowest of the others": chart["max_ms"] / 1e3,
        f"start with {signals} signals, empty caches": start["cold_s"],
        f"start with {signals} signals, second start": start["warm_s"],
    }
    rows = [{"": what, "seconds": value} for what, value in seconds.items()]
    html, drawn = page["html"], chart["drawn"]
    rows.append({"": f"page Live of {many} assets as HTML, p50", "seconds": html["p50_ms"] / 1e3})
    rows.append({"": f"page Live of {many} assets as HTML, p99", "seconds": html["p99_ms"] / 1e3})
    slowest = max(chart["first_ms"], chart["max_ms"]) / 1e3
    reached = [
        (f"first page: p99 {page['p99_ms']:.1f} ms; less than 20 ms wanted", page["p99_ms"] < 20),
        (f"page Live as HTML: p99 {html['p99_ms']:.1f} ms; less than 20 ms wanted",
         html["p99_ms"] < 20),
        (f"chart: {slowest:.2f} s at most; less than 1 s wanted", slowest < 1),
        (f"ready after {start['warm_s']:.1f} s; at most 5 s wanted", start["warm_s"] <= 5),
    ]  # fmt: skip
    if drawn is not None:
        opened, looked = max(drawn["page_s"]), max(drawn["chart_s"])
        rows.append({"": "chart on the screen, with its page, slowest", "seconds": opened})
        rows.append({"": "chart on the screen, on an open page, slowest", "seconds": looked})
        reached.append((f"on the screen: {looked:.2f} s; less than 1 s wanted", looked < 1))
    return Found(rows, found, reached)


def memory(quick: bool) -> Found:
    from benchmarks import memory as benchmark

    found = benchmark.run(0.5 if quick else 10.0)
    rows, reached = [], []
    for name in benchmark.CASES:
        one = found[name]
        shown = ("rows_per_second", "minute_1_mb", "maximum_mb")
        rows.append(
            {"": name, **{key: one[key] for key in shown},
             "last minute, median, MB": one["median_of_each_minute_mb"][-1],
             "% per minute": 100 * one["slope_per_minute"],
             "most on disk, GB": one["most_bytes_on_disk"] / 1e9,
             "segments not closed yet": one["segments"]["open"]}
        )  # fmt: skip
        behind = "" if one["kept_up"] else ", slower than wanted"
        reached.append(
            (f"{name}: {100 * one['slope_per_minute']:+.2f} % per minute{behind}; less than 1 % "
             "wanted", one["slope_per_minute"] < benchmark.MOST_PER_MINUTE)
        )  # fmt: skip
    return Found(rows, found, reached)


def stored_bytes(_: bool) -> Found:
    from benchmarks import stored_bytes as benchmark

    found = benchmark.run(data())
    return Found(found["rows"], found)


def compression(_: bool) -> Found:
    from benchmarks import compression as benchmark
    from benchmarks.public_data import cwru, digest, skab_normal, tep

    runs = {
        "SKAB without anomalies, 8 signals, 1 Hz": skab_normal(data()),
        "TEP d00_te, 52 signals, 3 min": tep(data(), "d00_te"),
        "CWRU IR007_0, vibration, 12 kHz": cwru(data()),
    }
    rows = [row for title, run in runs.items() for row in benchmark.rows(title, run)]
    return Found(rows, {"sha256": digest(run.file for run in runs.values()), "rows": rows})


def detection(_: bool) -> Found:
    from benchmarks import detection as benchmark

    found = {"skab": benchmark.skab_tables(data()), "tep": benchmark.tep_tables(data())}
    tables, notes = [], []
    for name, result in found.items():
        for title, rows in result.items():
            if isinstance(rows, list) and isinstance(rows[0], dict):
                tables.append((f"{name}, {title}", rows))
                notes.append(f"{name}, {title}. {benchmark.beaten(rows)}")
    return Found(tables[0][1], found, notes=tuple(notes), tables=tuple(tables[1:]))


def detection_twin(_: bool) -> Found:
    from benchmarks import detection_twin as benchmark

    found = benchmark.run(data())
    counts = [result["samples"] for result in found.values()]
    stored = all(c["stored"] == c["in files"] and c["all as in the file"] for c in counts)
    tables = [
        (data_set, [{"detector": name.removeprefix(f"{data_set}, ")} | row
                    for name, r in found.items() if name.startswith(data_set) for row in r["rows"]])
        for data_set in ("skab", "tep")
    ]  # fmt: skip
    each = [(f"{name}, each run", r["per run"]) for name, r in found.items()]
    told = sum(c["stored"] for c in counts)
    raw = {name: {k: v for k, v in r.items() if k != "per run"} for name, r in found.items()}
    return Found(tables[0][1], raw, [
        (f"{told:,} samples read back from history, each as in its file; all wanted", stored)
    ], tables=(*tables[1:], *each))  # fmt: skip


def forecasting(quick: bool) -> Found:
    from benchmarks import forecasting as benchmark

    found = {
        name: benchmark.measured(name, make(data()), choose=False, quick=quick)
        for name, make in benchmark.TASKS.items()
    }
    notes = [f"{name}. {result['protocol']} {result['beside']}" for name, result in found.items()]
    (first, *others) = [(name, result["rows"]) for name, result in found.items()]
    return Found(first[1], found, notes=tuple(notes), tables=tuple(others))


def lots(quick: bool) -> Found:
    from benchmarks import scheduling_lots as benchmark

    runs = benchmark.run("short" if quick else "stratified")
    note = (
        "The bound says next to nothing here: what makes lots late is the time of set-ups, of "
        "which it counts one for each family. CP-SAT's is hardly better. How far the plans for "
        "thousands of lots are from the best is therefore not known; that more time still makes "
        "them much better, is."
    )
    return Found(benchmark.table(runs), runs, notes=(note,))


def claims(quick: bool) -> Found:
    from benchmarks import claims as benchmark

    return told_of(benchmark.run(quick))


def told_of(found: dict[str, Any]) -> Found:
    """Published claims, each beside what came out against its fairest baseline."""
    from benchmarks.claims import CLAIMED

    shares = [
        {"": f"{name}: {base}"} | share
        for name, one in found.items() for base, share in one["shares"].items()
    ]  # fmt: skip
    reached = []
    for name, (claimed, base) in CLAIMED.items():
        mean = found[name]["shares"][base]["mean %"]
        reached.append((f"{name}, {base}: {mean:.1f} %", mean <= claimed))
    tables = tuple((name, one["rows"]) for name, one in found.items())
    notes = tuple(f"{name}. {one['protocol']}" for name, one in found.items())
    return Found(shares, found, reached, notes=notes, tables=tables)


def repair(quick: bool) -> Found:
    from benchmarks import scheduling_repair as benchmark

    speed = benchmark.speed()
    better = [] if quick else benchmark.better(data())
    reached = []
    for row in speed:
        per, most = row["whole answer ms per 1,000"], 1.0
        reached.append((f"valid plan, judged, of {row['']}: {per:.3f} ms per 1,000; below {most:g} "
                        "wanted", per < most))  # fmt: skip
    for row in better:
        share = row["share of what 20 s gain, 1 s"]
        reached.append((f"{row['']}: {share:.0%} of what 20 s gain within 1 s; 80 % wanted",
                        share >= 0.8))  # fmt: skip
    tables = (("Then the search", better),) if better else ()
    return Found(speed, [speed, better], reached, tables=tables)


def scheduling(quick: bool) -> Found:
    from benchmarks import scheduling as benchmark

    runs = benchmark.run(data(), "short" if quick else "stratified", 2)
    reached = benchmark.reached(runs)
    notes = (
        f"{runs[0]['cores']} thread(s) for each solver, which got {benchmark.share(runs):.0%} of "
        "the processor time that they could have used. In plans of `gemel` and CP-SAT for flow "
        "shops jobs may overtake each other, in those of the search alone not; the best known "
        "values there are Taillard's of 1993.",
    )
    tables = (("Each instance: value ≥ bound", benchmark.each(runs)),)
    raw = [
        f"{r['set']} {r['instance']}, {r['seconds']:.0f} s, {r['solver']}: {r['value']} >= "
        f"{r['bound']}, {r.get('cpu_s', 0.0):.1f} s of processor"
        for r in runs
    ]
    return Found(benchmark.table(runs), raw, reached, notes, tables)


def scoring(quick: bool) -> Found:
    from benchmarks import scoring as benchmark

    try:
        given: Path | None = data()
    except NotRun:
        given = None
    found = benchmark.run(quick=quick, data=given)
    signals, assets = found["signals"], found["assets"]
    rows = [{"": name, "rows/s": value} for name, value in signals["rows_per_second"].items()]
    speed, ratio = signals["rows_per_second"]["gemel"], signals["ratio"]
    share = assets["share of a core"]
    reached = [
        (f"{speed:,.0f} rows/s of 2,000 signals; 100,000 wanted", speed >= 100_000),
        (f"{ratio:.1f} times NumPy; 3 wanted", ratio >= 3),
    ]
    tables = [(
        f"{assets['assets']:,} assets of {assets['signals']} signals at 10 Hz",
        [{"": name, "share of a core": value} for name, value in share.items()],
    )]  # fmt: skip
    for one in found.get("trees", []):
        what = f"{one['trees']} half-space trees of depth {one['depth']}"
        reached.append((f"{what}: {one['ratio']:.0f} times River; 100 wanted", one["ratio"] >= 100))
    if "trees" in found:
        told = [{"trees": t["trees"], "depth": t["depth"], **t["rows_per_second"]}
                for t in found["trees"]]  # fmt: skip
        tables.append(("Half-space trees, rows/s, 10 signals", told))
    if "quality" in found:
        areas = found["quality"]["mean ROC area"]
        rows_of = [{"": name, "ROC area": value} for name, value in areas.items()]
        tables.append(("Half-space trees on SKAB valve1", rows_of))
    load = ", ".join(f"{value:g}" for value in found["load"])
    notes = (f"Load of the machine when it began (1, 5, 15 minutes): {load}.",)
    return Found(rows, found, reached, notes, tuple(tables))


def simulation(quick: bool) -> Found:
    from benchmarks import simulation as benchmark

    found = benchmark.run(quick=quick)
    parts = found["parts"]
    rows = [
        {"": name, "ms": 1e3 * took, "parts/s": parts / took, "times SimPy": found["ratio"][name]}
        for name, took in found["seconds"].items()
    ]
    ratio, apart = found["ratio"], max(found["differences"].values())
    shared, fresh = ratio["scenarios, other speeds"], ratio["replications, fresh luck"]
    reached = [
        (f"scenarios on the same luck: {shared:,.0f} times SimPy; 3,000 wanted", shared >= 3_000),
        (f"replications with fresh luck: {fresh:,.0f} times SimPy; 150 wanted", fresh >= 150),
        (f"departure times at most {apart:.1e} s apart from SimPy; 1e-6 wanted", apart <= 1e-6),
    ]
    tables = (("Saturated exponential lines, exact throughput", found["exact"]),)
    missing = [name for name in ("salabim", "Ciw") if name not in found["peers apart"]]
    notes = [f"{name}: departures {v:.1e} s from those of SimPy." for name, v in
             found["peers apart"].items()]  # fmt: skip
    notes += [f"{name} was not run: it is not installed." for name in missing]
    return Found(rows, found, reached, tuple(notes), tables)


def bottlenecks(quick: bool) -> Found:
    from benchmarks import bottlenecks as benchmark

    found = benchmark.run(quick=quick)
    wanted = {1_000: (0.71, 0.94), 5_000: (0.80, 0.97)}
    reached = []
    for row in found["rows"]:
        parts = row["parts in the log"]
        if row["method"] == "replay" and parts in wanted:
            right, gain = wanted[parts]
            said = (
                f"{parts:,} parts: {row['right']:.2f} right, {row['share of the best gain']:.3f} "
            )
            reached.append(
                (
                    f"{said}of the best gain; {right:.2f} and {gain:.2f} wanted",
                    row["right"] >= right and row["share of the best gain"] >= gain,
                )
            )
    return Found(found["rows"], found, reached)


def learned_line(quick: bool) -> Found:
    from benchmarks import learned_line as benchmark

    data()  # NotRun where it is missing
    found = benchmark.run(quick=quick)
    reached = []
    for log, what in dict.fromkeys((row["log"], row["what"]) for row in found["rows"]):
        mine, naive = (r for r in found["rows"] if (r["log"], r["what"]) == (log, what))
        said = (
            f"{log}, {what}: CRPS {mine['CRPS']:.4g}, naive {naive['CRPS']:.4g}; "
            f"{mine['coverage of 90 %']:.0%} of {mine['told']} in the band; less than the naive "
            "one's and 80 % wanted"
        )
        good = mine["CRPS"] < naive["CRPS"] and mine["coverage of 90 %"] >= 0.8
        reached.append((said, good))
    notes = (f"production_log {found['hash']}.",)
    return Found(found["rows"], found["raw"], reached, notes)


def dispatching(quick: bool) -> Found:
    from benchmarks import dispatching as benchmark

    found = benchmark.run(data(), quick=quick)
    titles = {"shop": "generated shops", "crew": "one fitter", "static": "generated 10×10"}
    reached, notes = [], []
    for name, title in titles.items():
        one = found[name]
        more, acts = one["more"], one["policy"].acts
        reached.append((
            f"{title}: learned takes {more.low:.3g} to {more.high:.3g} s more than the best rule "
            f"({one['best']}); surely less wanted", acts,
        ))  # fmt: skip
        notes.append(f"{title}: rules, training and test took {one['cpu_s']:.0f} s of a processor.")
    tables = (
        ("generated shops, the first of the test: plans that know what comes",
         found["hindsight"]["rows"]),
        ("one fitter for three machines, mean tardiness", found["crew"]["rows"]),
        ("generated 10×10, mean makespan", found["static"]["rows"]),
        ("public instances, makespan", found["public"]),
    )  # fmt: skip
    return Found(found["shop"]["rows"], benchmark.raw(found), reached, tuple(notes), tables=tables)


def stock(quick: bool) -> Found:
    from benchmarks import stock as benchmark

    found = benchmark.run(quick=quick)
    rates, row = found["rates"], found["default"]
    best = rates["Gemel"]
    rows = [
        {"": name, "node-periods/s": rate, "Gemel is so many times it": best / rate}
        for name, rate in rates.items()
    ]
    reached = [
        (f"{best / 1e6:.1f} million node-periods/s; 20 million wanted", best >= 20e6),
        (f"stages in a row in {1e3 * row['seconds']:.1f} ms; less than 50 ms wanted",
         row["seconds"] < 0.05),
        (f"cost {row['cost']:.5f}; 47.66539 to 0.02 % wanted",
         abs(row["cost"] / 47.66539 - 1) < 2e-4),
        (f"at most {found['apart']:.1e} units apart from NumPy; 1e-9 wanted",
         found["apart"] <= 1e-9),
    ]  # fmt: skip
    tables = [
        ("Stages in a row: example 6.1 of Snyder and Shen", [
            {"": name, **values} for name, values in found["row"].items()
        ]),
        ("Maintenance: seconds to plan an asset", [
            {"": name, "seconds": value} for name, value in found["maintenance"].items()
        ]),
    ]  # fmt: skip
    return Found(rows, found, reached, tables=tuple(tables))


def data() -> Path:
    """The folder of the public data. Raises `NotRun` if there is none."""
    from benchmarks.public_data import folder

    try:
        return folder()
    except SystemExit:
        raise NotRun("the public data are not here; set GEMEL_DATA") from None


SECTIONS = {
    "ingest": Section(
        "Samples through the whole way, in one process",
        "2,000 signals at 1 kHz as fast as it goes, in Arrow batches of 200,000 rows: admitted,"
        " mirrored, 50 signals aligned to 10 ms and scored by PCA, committed on disk; beside "
        "bare inserts of the same batches into DuckDB. 40 batches, 3 rounds, ratio pair by "
        "pair, median.",
        ingest,
    ),
    "push": Section(
        "Samples over HTTP",
        "4 connections; Gemel takes Arrow bodies of 200,000 rows and answers when they are on "
        "disk, VictoriaMetrics and InfluxDB 1.x take line protocol in bodies of 10,000 lines. "
        "Sent by http.client. The same 8 million rows, each server a process of its own that is up "
        "before, one after the other, what the one before left written to disk, 3 rounds, ratio "
        "round by round, median; all rows counted afterwards.",
        push,
        ("victoria-metrics", "influxd"),
    ),
    "latency": Section(
        "From a sensor to an actuator over OPC UA",
        "A server changes a sensor every 10 to 30 ms, in turn one of 24, and takes the time "
        "until a write of that change's number arrives at the actuator of that sensor, by one "
        "clock in one process: 10,000 events in 2 rounds. Gemel runs as a process with one rule"
        " per pair, whose commands pass the envelope and are in the journal on disk before they"
        " are sent; the bare loop is an asyncua client that writes what it is notified of. Both"
        " subscribe at 10 ms. Loaded: both also receive 1,000 other signals at 10 Hz from a "
        "second server process. An unanswered event counts as later than all others.",
        latency,
    ),
    "pages": Section(
        "What a person waits for",
        "`gemel run` in its own process, asked over HTTP by the Python SDK until the answer is "
        "plain data: the first 100 of 100,000 assets, 200 requests; a chart of 1,500 points "
        "over a million samples of one signal, with every extreme, 20 requests and the first "
        "one; from the start of the process until a sample was answered as stored, 1,000 "
        "signals, with empty caches of Python and numba, then again. The daemon runs without "
        "packages that only development needs. The page Live as HTML without its scripts, 100 "
        "requests; the chart in Chromium until it is on the screen, with its page and on an open "
        "one.",
        pages,
    ),
    "memory": Section(
        "Memory under full load",
        "2,000 signals in batches of 200,000 rows through the whole way as under *Samples through "
        "the whole way*, in a process of its own, as fast as it goes and at 1 kHz, ten minutes "
        "each. Segments close after 20 million rows, the oldest are removed above 2 GB. Resident "
        "memory from outside every 5 s; growth is the slope over the last half by its median. All "
        "rows are accounted for by receipts; what is kept is read back and counted.",
        memory,
    ),
    "stored_bytes": Section(
        "Bytes on disk",
        "Parquet files of the closed segments, per stored row and per sample of the data; "
        "swinging door with a deviation of 0.5 % of the range of each signal; errors over all "
        "samples, read back from history as a straight line between stored ones. A row takes 22"
        " bytes in memory.",
        stored_bytes,
    ),
    "compression": Section(
        "What deadband and swinging door keep",
        "Each operator at the same share of the range of each signal; read back as the last "
        "kept value (hold) or as a straight line; errors over all samples.",
        compression,
    ),
    "detection": Section(
        "Fault detection",
        "SKAB: fitted on rows 1 to 400 of each run, limits of pca and cva from four blocks of them,"
        " each scored by a model of the others; of all else from the last 30 %; scored after them, "
        "change points as on the leaderboard of v0.9, on 17 of its 34 runs. Tennessee Eastman: "
        "fitted on d00, limits on d00_te, faults from row 161; an alarm that lasts from before has "
        "found nothing. Settings are the defaults, chosen on training runs; no point adjustment.",
        detection,
    ),
    "detection_twin": Section(
        "Fault detection by the whole twin",
        "The same runs played by `gemel replay` at full speed: files, admission, mirror, history, "
        "a detector that learns from the first rows that pass (SKAB 400; Tennessee Eastman d00 and "
        "d00_te), alarms, ledger. From the Events that were stored: delays from the onset of the "
        "fault to the first finding, or alarm, that is told after it (10 s, or three rows of "
        "Tennessee Eastman, above the limit), in the time of the recording; FDR and FAR of what is "
        "open, over rows. Alarms: five standard deviations from the mean of the normal rows, for "
        "each signal. other/2 of SKAB, whose fault begins in the learned rows, is left out.",
        detection_twin,
    ),
    "scheduling": Section(
        "Schedules",
        "Public instances of job shops, flexible job shops, permutation flow shops and projects, "
        "chosen by their place in the list from small to large. Gap: makespan over the best known "
        "value. `gemel` is the scheduler `best`; `search alone` leaves out CP-SAT; CP-SAT is our "
        "model of it without search. One after the other, seed 1, compiling not counted. Every "
        "plan of ours passes the judge of all rules; of PyJobShop its value is taken.",
        scheduling,
    ),
    "repair": Section(
        "Schedules after a breakdown",
        "A machine breaks down at 30 % of the plan for 10 % of it, what has begun stays. The whole "
        "answer, from a problem and a plan that are held: put off, judged by all rules, measured, "
        "and what moved; processor time, median of 20. Then the tabu search on one thread goes "
        "on, with a price on what moves, for 0.1, 0.5, 1 and 20 s. What could be reached is the "
        "better of what it and `best`, which has CP-SAT beside it, find in 20 s.",
        repair,
    ),
    "lots": Section(
        "Schedules of lots",
        "Generated instances (seeds 1 and 2): lots of 5 to 30 minutes, each a variant of one of 5 "
        "to 100 families, lines that differ by up to 25 %, 10 to 40 minutes between families, due "
        "dates spread over the time that the work alone takes and a fifth more. To be small: "
        "weighted lateness, with a tenth of its weight set-up time. Rules are the scheduler "
        "`dispatch`; `annealing` does not know batches; CP-SAT has 30 s. Every plan passes the "
        "judge. The bound is the best of all schedulers'.",
        lots,
    ),
    "claims": Section(
        "Published claims",
        "What −42 % set-ups, −31 % stock on the line, −18 % energy and −23 % waste, as they are "
        "published for digital twins, come to against stated baselines on generated instances. "
        "None of the percentages means anything without its baseline and the table below.",
        claims,
    ),
    "scoring": Section(
        "Scoring",
        "Processor time of one thread, best of the rounds, in which all take turns; BLAS has one "
        "thread. T², SPE and EWMA of 2,000 signals and 20 components beside NumPy in float64 with "
        "the best of three sizes of chunks, whose scores are equal to nine digits. Assets: a model "
        "of 10 components for all, a scorer for each that is asked every row or every second, and "
        "a fleet, which is asked once for a row of each; the sums of scores are equal. Half-space "
        "trees score and learn each row, beside River with the same trees, depth and window of 250 "
        "rows, where it is installed. ROC area: mean over the runs of SKAB valve1 and seeds; both "
        "learn from the first 400 rows and go on learning after them, ours from rows below its "
        "limit; River is told the ranges of those 400; nothing was tuned.",
        scoring,
    ),
    "simulation": Section(
        "Lines played out",
        "Ten machines, nine buffers of five places, saturated, blocking after service, log-normal "
        "times (mean 1 s, cv 0.5), failures from work (exponential, 100 s between, 10 s to repair),"
        " 10,000 parts. Processor time of one thread; the table has the best of five rounds in "
        "which all take turns, ratios are taken round by round, median. SimPy has a process per "
        "machine and a store per buffer and is given ready times; ours include drawing them, once "
        "for all scenarios or for each replication. salabim and Ciw get the same times, once; in "
        "Ciw, which has no source that is never empty, parts come a nanosecond apart. Scenarios "
        "differ in the speed of every machine (± 10 %), and in all places (1 to 13). Departures of "
        "single runs, of another replication "
        "and of a scenario among others are compared with SimPy's part by part.",
        simulation,
    ),
    "bottlenecks": Section(
        "What limits a line",
        "150 random serial lines of eight machines: mean times ± 15 %, cv 0.2 to 1, 1 to 8 places, "
        "2 to 12 % of the time down. Each method sees a log of parts: work and repairs at each "
        "machine, or shares of states. The truth is the machine whose 5 % shorter work gives most "
        "throughput on 100,000 parts with other luck; repairs stay with their parts, there and in "
        "the replay. (Were failures counted anew in the shorter work, the replay would be right on "
        "0.71 of the lines at 5,000 parts, with 0.957 of the gain: the truth itself is then noisy.)"
        " Share of the best gain: sum over the lines. Turning point: the least idle machine where "
        "there is none.",
        bottlenecks,
    ),
    "learned_line": Section(
        "Lines learned from logs, told later weeks",
        "Each period is told from what was known before it, by `validate` behind `gemel learn "
        "line`: the line is learned, cases under way go on from where they stand, new ones come as "
        "the line says. Beside it the mean of the last four periods (a Poisson band) and the lead "
        "times of the cases finished so far; bottles and lead times of the virtual line beside "
        "those of the shifts so far. Lead time is from the first work to the last, of the cases "
        "that begin in the period. Error is of the median; the band should hold 90 %. "
        "The public log (data/production_log) begins empty and takes no new cases after 1 March: "
        "its weeks from 6 February to 4 March are told, the first from five weeks. Forecasts know "
        "which cases are finished, as an order system does, and where it says so they do not (the "
        "mean of the last four always does). "
        "What was decided while building (that cases under way complete the routes, waits that "
        "still last are censored) was looked at on the two weeks before; three of the four weeks "
        "had been seen before that, with a first version, and all four again before a mistake was "
        "mended that a played line had shown; no number was set on any. "
        "Played lines: ten weeks each, three with luck of their own, weeks seven to nine are told. "
        "Virtual line: 15 shifts of four hours with six stops an hour at each machine, no other "
        "faults; the last six are told from states and counters by the second; the time in the "
        "line is told by Little's law from the bottles on the conveyors.",
        learned_line,
    ),
    "dispatching": Section(
        "Learned dispatching",
        "A linear policy is searched from the best rule on by the cross-entropy method: 10 "
        "generations of 16 candidates on 4 episodes each; best rule and candidate are chosen on 10 "
        "other episodes, and tried on 40 that neither has seen, all on the same luck: mean cost "
        "in seconds with its 95 % interval, and the paired difference to the best rule. "
        "Generated shops (the first table): 50 jobs over 5 machines in any order, three set-up "
        "families, due dates; every episode is a shop of its own; mean tardiness. Beside them, on "
        "five shops of the test, plans of `best` in 10 s on one thread that know all jobs before "
        "they come: no competitor, but a measure of what is left. One fitter sets up and repairs "
        "three machines: 250 parts an episode; no such plan, since luck goes by the count of a "
        "station's parts and not by part. 10×10: job shops as Taillard draws them; the public "
        "instances take no part in training, rules and policy leave no machine idle where a part "
        "waits, CP-SAT has 10 s on one thread. Two earlier runs on other generated episodes, the "
        "first with two terms less, had been looked at; the public instances were the same.",
        dispatching,
    ),
    "stock": Section(
        "Stock",
        "Three stages in a row with base stock, backorders, lead times of 2, 1 and 1 periods and "
        "normal demand: 100 replications of 10,000 periods, given the same demand. NumPy does all "
        "replications at once, period by period; plain Python is the reference of the tests, on "
        "300 periods. Processor time of one thread, best of five rounds in which all take turns; "
        "units at hand and owed of every replication are compared with NumPy's.",
        stock,
    ),
    "forecasting": Section(
        "Forecasts",
        "Rolling origins over the last part of each data set (first table: energy of a steel "
        "works; then monthly sales of car parts), beside seasonal naive and statsforecast, "
        "which is run where it is installed. Settings were chosen on origins before that part. "
        "MASE is of the median, RMSSE of the mean; scaled quantile loss is twice the pinball "
        "loss over seven levels from 0.05 to 0.95, in units of the series' scale. Medians of "
        "the peers are their means. Intervals are paired bootstraps over series, or over blocks"
        " of origins.",
        forecasting,
    ),
}  # fmt: skip


def machine() -> str:
    """Date, cores, memory, kernel, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {cores} cores, {memory:.0f} GiB of memory, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def text(name: str, found: Found, *, quick: bool) -> str:
    """A section of the page."""
    section = SECTIONS[name]
    parts = [f"## {section.title}", f"{machine()}." + (QUICK if quick else ""), section.protocol]
    parts += [table(found.rows)]
    for title, rows in found.tables:
        parts += [f"### {title}", table(rows)]
    verdicts = [f"- {said} – **{'reached' if ok else 'missed'}**" for said, ok in found.reached]
    parts += ["\n".join(verdicts)]
    parts += found.notes
    raw = json.dumps(found.raw, indent=1)
    parts += [f"<details><summary>Raw figures</summary>\n\n```json\n{raw}\n```\n\n</details>"]
    return "\n\n".join(part for part in parts if part)


QUICK = " **A quick run with small sizes: these figures decide nothing.**"


def kept(page: Path) -> dict[str, str]:
    """The sections of the page as it is, by name."""
    if not page.exists():
        return {}
    pattern = re.compile(r"<!-- (\w+) -->\n(.*?)\n<!-- end of \1 -->", re.DOTALL)
    return dict(pattern.findall(page.read_text()))


def write(page: Path, sections: dict[str, str]) -> None:
    """Put the page together, in the order of `SECTIONS`."""
    parts = [
        f"<!-- {name} -->\n{sections[name]}\n<!-- end of {name} -->\n"
        for name in SECTIONS
        if name in sections
    ]
    page.write_text("\n".join([HEAD, *parts]))


def attempt(name: str, *, quick: bool) -> tuple[str, bool]:
    """The section's text, or why there is none, and whether it ran."""
    section = SECTIONS[name]
    missing = [program for program in section.needs if shutil.which(program) is None]
    if missing:
        return f"not run: {', '.join(missing)} is not installed", False
    try:
        return text(name, section.measure(quick), quick=quick), True
    except NotRun as reason:
        return f"not run: {reason}", False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try it out")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="NAME",
                        help=f"some of {', '.join(SECTIONS)}")  # fmt: skip
    parser.add_argument("--output", type=Path, default=PAGE, help="the page")
    given = parser.parse_args()
    failed = 0
    for name in given.only or SECTIONS:
        sections = kept(given.output)
        os.sync()  # what the one before has left to the disk is not this one's
        try:
            told, ran = attempt(name, quick=given.quick)
        except Exception:  # noqa: BLE001 - one that fails must not take the others' figures
            traceback.print_exc()
            failed += 1
            continue
        print(told if ran else f"{name}: {told}", end="\n\n", flush=True)
        if ran:
            sections[name] = told
        else:
            sections.setdefault(name, f"## {SECTIONS[name].title}\n\n{told}")
        write(given.output, sections)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
