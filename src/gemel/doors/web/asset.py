"""The panel of one asset: every signal with its value and its last minutes, and its commands."""

from __future__ import annotations

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Html, data, figure, h, words
from gemel.doors.web.viewer import Viewer

__all__ = ["asset_panel"]


def asset_panel(viewer: Viewer, asset: Plain) -> Html:
    """All of one asset."""
    rows = [_row(asset["title"], signal) for signal in asset["signals"]]
    about = " · ".join(
        str(part)
        for part in (
            asset["type"],
            asset["level"] and asset["level"].replace("_", " "),
            f"source {asset['connector']}" if asset["connector"] else "",
            f"planned {figure(asset['ideal_rate'])} /h" if asset["ideal_rate"] else "",
        )
        if part
    )
    commands = asset["commands"]
    return h(
        "section",
        h(
            "div",
            h("h2", asset["title"]),
            h("span", about, cls="quiet"),
            h("span", h("button", "Close", type="button", data_action="close"), cls="end"),
            cls="title",
        ),
        h(
            "div",
            h("div", rows, cls="signal-grid") if rows else h("p", "No signals.", cls="empty"),
            _commands(viewer, commands) if commands else None,
            cls="body",
        ),
        cls="panel",
        aria_label=asset["title"],
    )


def _row(asset: str, signal: Plain) -> Html:
    kept = {name: signal[name] for name in ("path", "unit", "type", "labels")}
    spark = (
        h("svg", data_spark=signal["path"], viewBox="0 0 90 20", preserveAspectRatio="none",
          cls="spark")
        if signal["type"] != "text"
        else h("span")
    )  # fmt: skip
    return h(
        "button",
        h("span", words(signal["key"]), title=signal["title"]),
        h("span", h("span", "—", data_signal=signal["path"]), " ", h("small", signal["unit"]),
          cls="v"),
        spark,
        type="button",
        data_pick=data({**kept, "asset": asset, "title": words(signal["path"])}),
    )  # fmt: skip


def _commands(viewer: Viewer, commands: Plain) -> Html:
    said = [
        f"{command['title'] or words(key)} ({'armed' if command['armed'] else 'disarmed'})"
        for key, command in commands.items()
    ]
    link = h("a", "Propose a value", href="/advice") if viewer.may("operator") else None
    return h("p", "Commands: ", ", ".join(said), " ", link, cls="quiet")
