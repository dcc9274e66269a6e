"""Key figures: the number first, its target as a tick, the last shift beside it."""

from __future__ import annotations

from gemel.client.asynchronous import Plain
from gemel.doors.web.markup import Html, figure, h, words

__all__ = ["tiles"]

_MISSED = 0.05
"""A figure is abnormal when it misses its target by more than this share."""


def tiles(kpis: Plain | None) -> Html:
    """A row of key figures; nothing for a plant without."""
    found = kpis or {}
    items = list(found.get("items") or [])
    if items and found.get("asset"):
        items[0] = {**items[0], "title": f"{items[0]['title']}, {words(found['asset'])}"}
    return h("section", [_tile(item) for item in items[:12]], cls="tiles") if items else Html("")


def _tile(item: Plain) -> Html:
    title, value, unit = (
        item.get("title") or item["name"],
        item.get("value"),
        item.get("unit") or "",
    )
    if value is None:
        why = item.get("why_unknown") or "not enough is known"
        unknown = h("p", "— ", h("small", "unknown"), cls="figure unknown")
        return h("article", h("h3", title), unknown, h("p", why, cls="under wrap"), cls="tile")
    low = _missed(item)
    target, last = item.get("target"), item.get("last")
    under = [
        f"target {figure(target)}{', missed' if low else ''}" if target is not None else "",
        f"last {figure(last)}" if last is not None else "",
        str(item.get("note") or ""),
    ]
    return h(
        "article",
        h("h3", title),
        h("p", figure(value), h("small", unit), cls="figure"),
        h("p", " · ".join(u for u in under if u) or "\u00a0", cls="under"),
        _gauge(item, low),
        cls="tile",
    )


def _missed(item: Plain) -> bool:
    value, target = item.get("value"), item.get("target")
    if not isinstance(value, (int, float)) or not isinstance(target, (int, float)) or not target:
        return False
    ahead = value / target - 1 if item.get("better") == "lower" else 1 - value / target
    return ahead > _MISSED


def _gauge(item: Plain, low: bool) -> Html | None:
    value, target, share = item.get("value"), item.get("target"), item.get("share")
    if share is None and item.get("unit") == "%" and isinstance(value, (int, float)):
        share = value / 100
    if not isinstance(share, (int, float)):
        return None
    width = min(1.0, max(0.0, float(share)))
    tick = None
    if isinstance(target, (int, float)) and isinstance(value, (int, float)) and value:
        place = min(1.0, max(0.0, float(share) * target / value))
        tick = h("b", style=f"left:{100 * place:.1f}%")
    cls = "gauge low" if low else "gauge"
    return h("div", h("i", style=f"width:{100 * width:.1f}%"), tick, cls=cls)
