"""Detectors on the page Models: which model watches, what stands beside it, what both have cost."""

from __future__ import annotations

from gemel.client.asynchronous import Plain
from gemel.doors.web import cards
from gemel.doors.web.markup import (
    Child,
    Html,
    button,
    figure,
    form,
    h,
    join,
    label,
    lasts,
    many,
    panel,
    table,
    words,
)
from gemel.doors.web.viewer import Viewer

__all__ = ["detectors"]

_OPEN = 8
"""Unanswered findings that are shown; the page Labels has all of the champion."""


def detectors(viewer: Viewer, found: list[Plain]) -> Html:
    """A card for each."""
    if not found:
        return Html("")
    shown = [_card(viewer, one) for one in found]
    return panel("What watches?", h("div", shown, cls="cards wide"), aside=f"{len(found)}")


def _card(viewer: Viewer, one: Plain) -> Html:
    rows: list[tuple[str, Child]] = []
    if one["model"]:
        rows.append(
            (
                "Champion",
                _model(
                    viewer,
                    one["model"],
                    {**(one.get("evidence") or {}), "regimes": one.get("regimes") or {}},
                ),
            )
        )
    for role, beside, name in (
        ("candidate", "shadow", "In shadow"), ("former", "watched", "Before"),
    ):  # fmt: skip
        if about := one.get(role):
            rows.append(
                (
                    name,
                    join(
                        _model(viewer, about["model"], about["evidence"]),
                        f", beside the champion since {viewer.clock(about['since'])}",
                    ),
                )
            )
            rows.append(("", _verdict(one.get(beside))))
    if drift := one.get("drift"):
        rows.append(("Rows above the limit", _drift(drift)))
    renewal = one["renewal"]
    often = [f"every {lasts(renewal['every'])}"] if renewal["every"] else []
    often += ["when more rows are above the limit"] if renewal["on_drift"] else []
    who = "asks a person" if renewal["promote"] == "ask" else "promotes alone"
    rows.append(("Fitted again", f"{' and '.join(often) or 'only when a person asks'}; {who}"))
    state = "is being fitted again" if one.get("fitting") else one["state"]
    if one.get("candidate"):
        state += "; a new model is in shadow"
    told = " · ".join(s for s in (one["reason"], one.get("renewing")) if s)
    return h(
        "article",
        h("div", h("span", f"{words(one['asset'])} · detector"), h("span", state), cls="top"),
        h("p", h("b", one["title"]), f" · {told}" if told else None, cls="what"),
        h("dl", [(h("dt", name), h("dd", value)) for name, value in rows], cls="facts"),
        [_costs(one[beside], name) for beside, name in (("shadow", "In shadow"),
                                                        ("watched", "Before")) if one.get(beside)],
        _open(viewer, one.get("shadow") or one.get("watched")),
        _wishes(viewer, one),
        cls="card",
    )  # fmt: skip


def _model(viewer: Viewer, name: str, evidence: Plain) -> Html:
    window = evidence.get("window")
    told = (
        f", learned from {viewer.clock(window[0])} to {viewer.clock(window[1])}" if window else ""
    )
    because = evidence.get("because")
    before = {
        name: about["from before"]
        for name, about in evidence.get("regimes", {}).items()
        if about["from before"]
    }
    kept = ", ".join(f"{many(rows, 'row')} of {name}" for name, rows in before.items())
    return join(
        h("code", name[:8]), told, f", and from {kept} made before that" if kept else None,
        f"; {because}" if because else None,
    )  # fmt: skip


def _drift(drift: Plain) -> str:
    if drift["share"] is None:
        return "not known yet: 20 periods are wanted"
    told = f"{_percent(drift['share'])}, {_percent(drift['promised'])} promised"
    return told + ("; far more than promised" if drift["state"] == "drifted" else "")


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _verdict(compared: Plain | None) -> str:
    if compared is None:
        return "not compared yet"
    verdict = {"better": "costs less", "worse": "costs more"}.get(
        compared["verdict"], "not told apart"
    )
    known = f"{many(compared['events'], 'known event')}, {compared['unanswered']} not answered"
    return f"{verdict} by now: {known}"


def _costs(compared: Plain, name: str) -> Html:
    """What both have cost so far, as a range where findings are not answered, and the interval of
    the difference."""
    unit = compared["unit"]
    rows = [("Champion", _range(compared["champion"])), (name, _range(compared["other"]))]
    if compared["low"] is not None and compared["high"] is not None:
        often = lasts(compared["period"])
        rows.append((f"Champion less the other, per {often}",
                     f"{_short(compared['low'])} to {_short(compared['high'])}"))  # fmt: skip
    said = lasts(compared["periods"] * compared["period"])
    return table((f"Costs in {said}", unit), rows, numeric=(1,))


def _range(pair: list[float]) -> str:
    low, high = pair
    return _short(low) if low == high else f"{_short(low)} to {_short(high)}"


def _short(value: float) -> str:
    return figure(float(f"{value:.3g}"))


def _open(viewer: Viewer, compared: Plain | None) -> Html | None:
    """Findings that wait for an answer: the range above narrows with each."""
    waiting = (compared or {}).get("open") or []
    if not waiting:
        return None
    rows = [
        h("li", f"{viewer.clock(f['time'])}, ",
          "by the champion" if f["champion"] else "by the model in shadow alone or as well",
          cards.answer(viewer, f["id"]))
        for f in waiting[-_OPEN:]
    ]  # fmt: skip
    return h("details", h("summary", f"{len(waiting)} findings are not answered", cls="link"),
             h("ul", rows))  # fmt: skip


def _wishes(viewer: Viewer, one: Plain) -> Html | None:
    if not viewer.may("engineer") or not one["model"] or "fitting" not in one:
        return None
    if one["fitting"]:
        return h("div", button("Stop the fit", "stop-fit", task=one["name"]), cls="buttons")
    because = label("What has changed, and is no fault?", "because", maxlength=200,
                    placeholder="may stay empty")  # fmt: skip
    return h(
        "div",
        h("details", h("summary", "Fit again", cls="button"),
          form("fit", because, submit="Fit", task=one["name"])),
        cards.another_model(one["name"]),
        cls="buttons",
    )  # fmt: skip
