"""Commands of one's own, and the switch that stops them all."""

from __future__ import annotations

from gemel.client.asynchronous import Plain
from gemel.doors.web import cards
from gemel.doors.web.markup import Html, figure, form, h, label, panel, words
from gemel.doors.web.viewer import Viewer

__all__ = ["act", "own", "switch"]


def own(viewer: Viewer, proposals: Plain | None) -> Html:
    """A form for a value of one's own; what is disarmed is listed and cannot be chosen."""
    title = "A value of your own"
    commands = (proposals or {}).get("commands") or []
    if not commands:
        return panel(title, h("p", "The plant file has no commands.", cls="empty"))
    if not viewer.may("operator"):
        return panel(title, h("p", "This needs the role operator.", cls="empty"))
    if not any(c["armed"] for c in commands):
        told = "All commands are disarmed: nothing can be sent. Arm one in the plant file."
        listed = [h("li", h("code", c["path"]), " ", h("span", _limits(c), cls="quiet"))
                  for c in commands]  # fmt: skip
        return panel(title, h("p", told, cls="empty"), h("ul", listed))
    options = [
        h("option", f"{c['path']} ({_limits(c)})" + ("" if c["armed"] else ", disarmed"),
          value=c["path"], disabled=not c["armed"])
        for c in sorted(commands, key=lambda c: not c["armed"])
    ]  # fmt: skip
    fields = h(
        "div",
        h("label", "Command", h("select", options, name="command")),
        label("Value", "value", type="number", step="any", required=True),
        label("Reason", "reason", required=True, maxlength=200),
        cls="fields",
    )
    told = "It goes the same way as every proposal: envelope, approval, read-back, watch."
    return panel(title, form("command", fields, submit="Propose", stay=True),
                 h("p", told, cls="quiet", style="margin-top:8px"))  # fmt: skip


def _limits(command: Plain) -> str:
    low, high = command.get("low"), command.get("high")
    if low is None or high is None:
        return "no envelope"
    return f"{figure(low)} to {figure(high)} {command.get('unit') or ''}".strip()


def switch(viewer: Viewer, proposals: Plain | None) -> Html:
    """Whether commands are stopped, by whom and why; and how to stop or release them."""
    if not (proposals or {}).get("commands"):
        return Html("")
    stopped = (proposals or {}).get("stopped") or {}
    rows = [
        h(
            "li",
            h("b", f"Commands of {words(place) or 'the whole plant'} are stopped"),
            f": {reason or 'no reason given'}",
            form("release", label("Reason", "reason", required=True, maxlength=200),
                 submit="Release", place=place)
            if viewer.may("engineer")
            else None,
        )
        for place, reason in stopped.items()
    ]  # fmt: skip
    kill = None
    if viewer.may("operator") and "" not in stopped:
        fields = label("Reason", "reason", required=True, maxlength=200)
        stop = form("kill", fields, submit="Stop all commands", place="")
        kill = h("details", h("summary", "Stop all commands", cls="button"), stop)
    said = None if rows else h("p", "Commands may be sent, within their envelopes.", cls="empty")
    aside = "stopped" if rows else "not stopped"
    return panel("Kill switch", said, h("ul", rows) if rows else None, kill, aside=aside)


def act(viewer: Viewer) -> None:
    """Actions of both."""

    async def command(told: Plain) -> str:
        client = viewer.client
        answer = await client.command(told["command"], float(told["value"]), told["reason"])
        return cards.outcome(answer)

    async def kill(told: Plain) -> str:
        await viewer.client.kill(told["place"], told["reason"])
        return "Nothing is sent until it is released"

    async def release(told: Plain) -> str:
        await viewer.client.release(told["place"], told["reason"])
        return "Released"

    viewer.on("command", command)
    viewer.on("kill", kill)
    viewer.on("release", release)
