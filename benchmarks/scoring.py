"""How fast detectors score: many signals, many assets, and half-space trees beside River.

Times are of the processor, not of the clock on the wall, in one thread, the best of the rounds, in
which all take turns. Scores are compared or their sum is told, so that nothing that is timed can be
left out. ``python -m benchmarks.scoring [--quick]``
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks.public_data import digest, skab
from gemel.parts.detectors._multivariate.fleet import Fleet
from gemel.parts.detectors._multivariate.model import QuadraticModel
from gemel.parts.detectors._multivariate.scales import MultivariateModel
from gemel.parts.detectors.base import Window
from gemel.parts.detectors.half_space_trees import HalfSpaceTrees

Values = npt.NDArray[np.float64]
SECOND = 10**9
SMOOTHING = 0.1


def seconds(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Processor time of each, the least of the rounds; a first round is not counted."""
    least = dict.fromkeys(work, np.inf)
    for number in range(rounds + 1):
        for name, call in work.items():
            begun = time.process_time()
            call()
            took = time.process_time() - begun
            if number:
                least[name] = min(least[name], took)
    return least


def model_of(signals: int, components: int, seed: int = 0) -> tuple[MultivariateModel, Values]:
    """A model as a fit with `shrinkage` 1 gives it, and how hidden causes mix in the signals."""
    random = np.random.default_rng(seed)
    directions = np.linalg.qr(random.normal(size=(signals, components)))[0].T
    variance = np.linspace(20, 2, components)
    weight = np.append(1 / (variance * components), 1 / (0.25 * signals))
    precision = np.append(1 / variance, 4.0)
    own = weight[-1] + (directions**2).T @ (weight[:-1] - weight[-1])
    member = QuadraticModel(
        0, 1.0, SMOOTHING, 400, 0.3, tuple(f"s{j}" for j in range(signals)), SECOND,
        random.normal(20, 5, signals), random.uniform(0.5, 2, signals),
        np.zeros(signals, np.bool_), np.ascontiguousarray(directions), precision, weight, own, 2.0,
    )  # fmt: skip
    return MultivariateModel("pca", (member,)), directions * np.sqrt(variance)[:, None]


def rows_of(model: MultivariateModel, mixing: Values, rows: int, seed: int) -> Values:
    """Normal rows of that model, in the units of its signals."""
    random, member = np.random.default_rng(seed), model.members[0]
    standard = random.normal(size=(rows, len(mixing))) @ mixing
    standard += 0.5 * random.normal(size=standard.shape)
    return standard * member.scale + member.centre


def limited(model: MultivariateModel, rows: Values) -> None:
    """Set the limit that one of a thousand of the rows exceeds."""
    model.members[0].limit = np.inf
    score, _ = model.members[0].start()(Window(grid(len(rows)), rows, model.names))
    model.members[0].limit = float(np.quantile(score, 0.999))


def grid(rows: int) -> npt.NDArray[np.int64]:
    return np.arange(rows, dtype=np.int64) * SECOND


def plain(model: MultivariateModel, rows: Values, chunk: int) -> Values:
    """T² + SPE + EWMA as one would write it in NumPy."""
    member = model.members[0]
    loadings, count = np.ascontiguousarray(member.directions.T), len(member.directions)
    out, smooth = np.empty(len(rows)), member.mean
    for start in range(0, len(rows), chunk):
        z = (rows[start : start + chunk] - member.centre) / member.scale
        t = z @ loadings
        residual = z - t @ loadings.T
        t2 = (t**2 * member.weight[:count]).sum(axis=1)
        spe = (residual**2).sum(axis=1) * member.weight[-1]
        for i, score in enumerate(t2 + spe, start):
            smooth += SMOOTHING * (score - smooth)
            out[i] = smooth
    return out


def many_signals(rows: int, rounds: int, signals: int = 2000, components: int = 20) -> Any:
    """Rows per second of T² + SPE + EWMA, beside NumPy with the best of three chunks."""
    model, mixing = model_of(signals, components)
    limited(model, rows_of(model, mixing, 2000, 1))
    value = rows_of(model, mixing, rows, 2)
    window = Window(grid(rows), value, model.names)
    ours = model.start()(window)
    limit = model.members[0].limit
    np.testing.assert_allclose(ours.value * limit, plain(model, value, 64), rtol=1e-9)
    work: dict[str, Callable[[], object]] = {"gemel": lambda: model.start()(window)}
    for chunk in (64, 256, 1024):
        work[f"numpy, {chunk} rows"] = lambda chunk=chunk: plain(model, value, chunk)
    speed = {name: rows / took for name, took in seconds(work, rounds).items()}
    best = max(value for name, value in speed.items() if name != "gemel")
    return {
        "signals": signals, "components": components, "rows": rows, "rows_per_second": speed,
        "ratio": speed["gemel"] / best, "alarms": int(ours.alarm.sum()),
        "sum of scores": float(ours.value.sum()),
        "GB/s read": speed["gemel"] * signals * 8 / 1e9,
    }  # fmt: skip


def many_assets(assets: int, ticks: int, rounds: int, signals: int = 100) -> Any:
    """Share of a core that assets at 10 Hz take: a scorer each by the row and by the second, and
    one `Fleet`."""
    model, mixing = model_of(signals, 10)
    limited(model, rows_of(model, mixing, 4000, 1))
    value = rows_of(model, mixing, assets * ticks, 2).reshape(ticks, assets, signals)
    time_of = grid(ticks)
    sums: dict[str, float] = {}

    def alone(step: int) -> None:
        scorers = [model.start() for _ in range(assets)]
        total = 0.0
        for start in range(0, ticks, step):
            piece = slice(start, start + step)
            for a, scorer in enumerate(scorers):
                window = Window(time_of[piece], value[piece, a], model.names)
                total += float(scorer(window).value.sum())
        sums[f"a scorer each, {step} rows a call"] = total

    def together() -> None:
        fleet = Fleet(model, assets)
        sums["fleet, a row of each a call"] = float(
            sum(fleet(value[i])[0].sum() for i in range(ticks))
        )

    took = seconds(
        {"a scorer each, 1 rows a call": lambda: alone(1),
         "a scorer each, 10 rows a call": lambda: alone(10),
         "fleet, a row of each a call": together}, rounds
    )  # fmt: skip
    np.testing.assert_allclose(list(sums.values()), next(iter(sums.values())), rtol=1e-9)
    share = {name: spent / (ticks / 10) for name, spent in took.items()}
    return {
        "assets": assets, "signals": signals, "rows of each": ticks, "share of a core": share,
        "sum of scores": sums["fleet, a row of each a call"],
    }  # fmt: skip


def trees(rows: int, rounds: int, peer_rows: int = 1000) -> Any:
    """Rows per second of half-space trees that score and learn, beside River, equal settings."""
    from river.anomaly import HalfSpaceTrees as Peer

    random = np.random.default_rng(0)
    value = np.clip(random.normal(0.5, 0.12, (rows, 10)), 0, 1)
    names = tuple(f"s{j}" for j in range(10))
    told = [dict(zip(names, row, strict=True)) for row in value[:peer_rows].tolist()]
    found = []
    for count, depth in ((10, 8), (25, 10), (25, 15)):
        settings = HalfSpaceTrees(trees=count, depth=depth, window=250, smoothing=1)
        model = settings.fit(Window(grid(2000), value[:2000], names))
        window = Window(grid(rows), value, names)
        peer = Peer(n_trees=count, height=depth, window_size=250, seed=0)
        for row in told[:300]:
            peer.learn_one(row)
        sums = {}

        def theirs(peer: Any = peer, sums: dict[str, float] = sums) -> None:
            total = 0.0
            for row in told:
                total += peer.score_one(row)
                peer.learn_one(row)
            sums["river"] = total

        def ours(model: Any = model, window: Window = window, sums: Any = sums) -> None:
            sums["gemel"] = float(model.start()(window).value.sum())

        took = seconds({"gemel": ours, "river": theirs}, rounds)
        speed = {"gemel": rows / took["gemel"], "river": peer_rows / took["river"]}
        found.append({
            "trees": count, "depth": depth, "rows_per_second": speed,
            "ratio": speed["gemel"] / speed["river"], "sums of scores": sums,
        })  # fmt: skip
    return found


def quality(data: Path, seeds: int, learned: int = 400) -> Any:
    """ROC area on runs of SKAB (valve1), scored as a stream after the first rows, 25 trees of depth
    10, profiles of 250 rows. River is told the ranges of the learned rows."""
    from river.anomaly import HalfSpaceTrees as Peer
    from sklearn.metrics import roc_auc_score

    runs = [run for run in skab(data) if run.name.startswith("valve1/")]
    areas: dict[str, list[float]] = {}
    for run in runs:
        truth = run.anomaly[learned:]
        first, later = run.value[:learned], run.value[learned:]
        low, high = first.min(axis=0), first.max(axis=0)
        for seed in range(seeds):
            for name, settings in (
                ("gemel, without smoothing", HalfSpaceTrees(seed=seed, smoothing=1)),
                ("gemel", HalfSpaceTrees(seed=seed)),
                ("gemel, profile stays", HalfSpaceTrees(seed=seed, window=None)),
            ):
                model = settings.fit(Window(run.time[:learned], first, run.names))
                score = model.start()(Window(run.time[learned:], later, run.names)).value
                areas.setdefault(name, []).append(float(roc_auc_score(truth, score)))
            limits = {
                j: (a, max(b, a + 1e-9)) for j, (a, b) in enumerate(zip(low, high, strict=True))
            }
            peer = Peer(n_trees=25, height=10, window_size=250, limits=limits, seed=seed)
            for row in first.tolist():
                peer.learn_one(dict(enumerate(row)))
            found = []
            for row in later.tolist():
                x = dict(enumerate(row))
                found.append(peer.score_one(x))
                peer.learn_one(x)
            areas.setdefault("river", []).append(float(roc_auc_score(truth, found)))
            smooth, smoothed = float(np.mean(found[:1])), []
            for score in found:
                smooth += SMOOTHING * (score - smooth)
                smoothed.append(smooth)
            areas.setdefault("river, with our smoothing", []).append(
                float(roc_auc_score(truth, smoothed))
            )
    return {
        "runs": len(runs), "seeds": seeds, "sha256": digest(run.file for run in runs),
        "mean ROC area": {name: float(np.mean(each)) for name, each in areas.items()},
    }  # fmt: skip


def run(*, quick: bool, data: Path | None) -> dict[str, Any]:
    """All figures; River's and those on data only where these are here."""
    with threadpool_limits(1):
        found: dict[str, Any] = {
            "load": [round(value, 2) for value in os.getloadavg()],
            "signals": many_signals(*((1024, 2) if quick else (8192, 10))),
            "assets": many_assets(*((50, 20, 1) if quick else (1000, 50, 3))),
        }
        try:
            found["trees"] = trees(*((5_000, 1) if quick else (60_000, 5)))
        except ImportError:
            return found
        if data is not None:
            found["quality"] = quality(data, 1 if quick else 3)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    print(json.dumps(run(quick=given.quick, data=given.data), indent=2))
