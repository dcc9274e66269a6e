"""The line as a drawing: boxes in order of flow, what stands between them, what is abnormal.

It is drawn twice, lying for a screen and standing for a phone; the style sheet shows one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from gemel.client.asynchronous import Plain
from gemel.doors.web.line import Line, Machine, short
from gemel.doors.web.markup import Html, figure, h

__all__ = ["mimic"]

W, H = 122, 66
"""Size of a box."""
GAP = 64
BAND = 150
"""Height of a row of boxes with their values."""
MOST_ACROSS = 6


def mimic(line: Line, abnormal: Mapping[str, str], noticed: Mapping[str, str]) -> Html:
    """Both drawings. `abnormal` gives the alarm priority of a machine, `noticed` a finding."""
    if not line.layers:
        return h("p", "The plant file names no machines yet; add assets to it.", cls="empty")
    return Html(_lying(line, abnormal, noticed) + _standing(line, abnormal, noticed))


def _lying(line: Line, abnormal: Mapping[str, str], noticed: Mapping[str, str]) -> Html:
    layers = line.layers
    rows = ceil(len(layers) / MOST_ACROSS)
    across = ceil(len(layers) / rows)
    place: dict[str, tuple[int, int]] = {}
    top = 0
    for row in range(rows):
        part = layers[row * across : (row + 1) * across]
        for column, layer in enumerate(part):
            for index, machine in enumerate(layer):
                place[machine.path] = (column * (W + GAP) + 2, top + 14 + index * BAND)
        top += BAND * max(len(layer) for layer in part)
    width = across * W + (across - 1) * GAP + 20
    parts: list[Html] = []
    for machine in line.machines:
        parts += [_pipe(line, b, machine.path, place) for b in machine.after if b in place]
    for machine in line.machines:
        x, y = place[machine.path]
        parts.append(_box(machine, x, y, abnormal.get(machine.path), noticed.get(machine.path)))
        parts += [_value(s, x, y + H + 18 + 15 * i, W + 14) for i, s in enumerate(machine.values)]
    return h(
        "svg", parts, cls="wide", viewBox=f"0 0 {width} {top - 10}", role="group",
        style=f"max-width:{round(width * 1.25)}px", aria_label=line.title,
    )  # fmt: skip


def _pipe(line: Line, before: str, after: str, place: Mapping[str, tuple[int, int]]) -> Html:
    (x0, y0), (x1, y1) = place[before], place[after]
    start, end, height = x0 + W, x1, y0 + H // 2
    if y0 == y1 and end > start:
        level = line.buffers.get((before, after))
        pipe = h("rect", x=start, y=height - 4, width=end - start, height=8, cls="pipe")
        if level is None:
            return pipe
        inner = end - start - 8
        return Html(pipe + _level(level, start + 4, height - 4, inner) + h(
            "text", _level_words(level), x=(start + end) / 2, y=height - 12,
            text_anchor="middle", cls="key quiet",
        ))  # fmt: skip
    middle = y1 + H // 2
    if end > start:
        turn = (start + end) // 2
        path = f"M{start} {height}H{turn}V{middle}H{end}"
    else:  # the flow goes on in the next row
        below = y1 - 12
        path = (
            f"M{start} {height}h12V{below}H{end - 1}V{y1}"
            if end <= 4
            else (f"M{start} {height}h12V{below}H{end + W // 2}V{y1}")
        )
    return h("path", d=path, fill="none", stroke="var(--pipe)", stroke_width=8)


def _level(signal: Plain, x: float, y: float, full: float) -> Html:
    low, high = signal["range"] or (0, 100)
    return h(
        "rect", x=x, y=y, width=0, height=8, cls="full", data_signal=signal["path"],
        data_format="fill", data_low=low, data_high=high, data_full=full,
    )  # fmt: skip


def _level_words(signal: Plain) -> Html:
    most = f" / {figure(signal['range'][1])}" if signal["range"] else f" {signal['unit']}"
    return h("tspan", h("tspan", "—", data_signal=signal["path"]), most)


def _box(machine: Machine, x: int, y: int, priority: str | None, finding: str | None) -> Html:
    middle = x + W / 2
    cls = f"machine abnormal {priority}" if priority else "machine"
    state = (
        h("tspan", "—", data_signal=machine.state["path"], data_format="state")
        if machine.state
        else h("tspan", "state unknown")
    )
    return h(
        "g",
        h("title", machine.title + (f": {finding}" if finding else "")),
        h("rect", x=x, y=y, width=W, height=H, cls="box"),
        h("text", machine.title[:17], x=middle, y=y + 21, text_anchor="middle", cls="name"),
        h("text", state, x=middle, y=y + 39, text_anchor="middle", cls="word"),
        _speed(machine, middle, y + 56),
        _mark(priority, finding, x + W - 15, y + 14),
        cls=cls,
        tabindex=0,
        role="button",
        data_machine=machine.path,
        data_action="asset",
        data_path=machine.path,
    )


def _speed(machine: Machine, x: float, y: float) -> Html | None:
    if machine.speed is None:
        return None
    unit = machine.speed["unit"]
    unit = " /h" if unit == "1/h" else f" {unit}"
    return h(
        "text", h("tspan", "—", data_signal=machine.speed["path"]), h("tspan", unit, cls="unit"),
        x=x, y=y, text_anchor="middle", cls="value",
    )  # fmt: skip


def _mark(priority: str | None, finding: str | None, x: float, y: float) -> Html | None:
    shapes = {
        "critical": f"M{x - 6} {y - 6}h12v12h-12z",
        "high": f"M{x} {y - 7}l7.5 13h-15z",
        "medium": f"M{x} {y - 7}l7 7l-7 7l-7 -7z",
        "low": f"M{x - 6} {y}a6 6 0 1 0 12 0a6 6 0 1 0 -12 0z",
    }
    if priority in shapes:
        return h(
            "path", h("title", f"alarm, {priority}"), d=shapes[priority], cls=f"mark {priority}"
        )
    if finding:
        return h(
            "g",
            h("circle", cx=x, cy=y, r=7, cls="info"),
            h("text", "i", x=x, y=y + 4, text_anchor="middle", cls="info-letter"),
        )
    return None


def _value(signal: Plain, x: float, y: float, width: float) -> Html:
    key = short(signal["key"], _letters(signal, width))
    return Html(
        h("text", h("title", signal["title"]), key, x=x, y=y, cls="key quiet")
        + h(
            "text",
            h("tspan", "—", data_signal=signal["path"]),
            h("tspan", f" {signal['unit']}" if signal["unit"] else "", cls="unit"),
            x=x + width, y=y, text_anchor="end", cls="key",
        )
    )  # fmt: skip


def _letters(signal: Plain, width: float) -> int:
    """How many letters of the key fit beside a value of six digits and its unit."""
    return int((width - 6.6 * (6 + len(signal["unit"]))) / 6.1)


def _standing(line: Line, abnormal: Mapping[str, str], noticed: Mapping[str, str]) -> Html:
    width, step = 340, H + 34
    parts: list[Html] = []
    machines = line.machines
    for index, machine in enumerate(machines):
        y = 4 + index * step
        if index + 1 < len(machines):
            after = machines[index + 1]
            if machine.path in after.after:
                parts.append(h("rect", x=W / 2 - 2, y=y + H, width=8, height=34, cls="pipe"))
            level = line.buffers.get((machine.path, after.path))
            if level is not None:
                parts.append(h("text", _level_words(level), x=W / 2 + 16, y=y + H + 21,
                               cls="key quiet"))  # fmt: skip
        parts.append(_box(machine, 2, y, abnormal.get(machine.path), noticed.get(machine.path)))
        parts += [
            _value(s, W + 18, y + 28 + 17 * i, width - W - 22) for i, s in enumerate(machine.values)
        ]
    height = len(machines) * step - 26
    return h("svg", parts, cls="narrow", viewBox=f"0 0 {width} {height}", aria_label=line.title)
