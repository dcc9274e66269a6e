"""Trends: how has it gone? Any signals over one time axis, from minutes to months."""

from __future__ import annotations

import csv
import io
from typing import Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from gemel.core.errors import GemelError
from gemel.doors.web.frame import Surroundings
from gemel.doors.web.markup import Html, h
from gemel.doors.web.viewer import COOKIE, client_of

__all__ = ["build", "download"]

_PRESETS = (("10 min", 600), ("1 h", 3_600), ("8 h", 28_800), ("24 h", 86_400))
_MOST = 8


async def build(around: Surroundings) -> Html:
    """See `gemel.doors.web.pages.Build`. The browser does the rest: see static/trends.js."""
    zone = str(around.viewer.plant["time_zone"])
    presets = [
        h("button", name, type="button", data_preset=1_000 * seconds, aria_pressed="false")
        for name, seconds in _PRESETS
    ]
    tools = h(
        "div",
        presets,
        h("button", "Follow", type="button", cls="hidden first", data_follow=True),
        h(
            "span",
            h("span", f"until, {zone}", cls="quiet nowrap"),
            h("input", type="datetime-local", data_as_of=True, aria_label="Look back until"),
            h("a", "Download CSV", href="/trends.csv", download=True, cls="button hidden",
              data_csv=True),
            cls="end",
        ),
        cls="tools",
    )  # fmt: skip
    hint = (
        "Choose signals from the list. Drag across the chart to look closer; double-click ends it."
    )
    chart = h(
        "section",
        tools,
        h("div", cls="chips", data_chips=True),
        h("p", hint, cls="note-panel", data_hint=True),
        h("div", cls="chart tall", data_trend_chart=True),
        cls="panel",
    )
    picker = h(
        "section",
        h(
            "div",
            h("label", "Find a signal",
              h("input", type="search", placeholder="speed, or line2/*/power",
                autocomplete="off", data_search=True)),
            cls="body",
            style="padding-top:10px",
        ),
        h("p", "…", cls="quiet", style="padding:0 12px 6px", data_count=True),
        h("div", h("div", data_list=True),
          h("button", "More", type="button", cls="hidden", data_more=True), cls="list"),
        cls="panel picker",
    )  # fmt: skip
    return h("div", chart, picker, cls="trends", data_trends=True)


async def download(request: Request) -> Response:
    """The samples that the chart shows, as CSV, with the rights of whoever asks."""
    query = request.query_params
    client = client_of(request.scope["gemel"], request.cookies.get(COOKIE, ""))
    try:
        await client.me()
    except GemelError:
        return RedirectResponse("/login", 303)
    try:
        columns = await client.history(
            query.getlist("signal")[:_MOST], start=query.get("start"), end=query.get("end")
        )
    except GemelError as error:
        return Response(f"{error}\n", 422, media_type="text/plain; charset=utf-8")
    finally:
        await client.close()
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(zip(*(map(_cell, values) for values in columns.values()), strict=True))
    name = 'attachment; filename="gemel-trends.csv"'
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8",
                    headers={"Content-Disposition": name})  # fmt: skip


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula is kept as text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
