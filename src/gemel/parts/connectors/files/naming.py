"""What a column's name tells: unit, title, key, and what the signal may mean for production."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = [
    "Guess",
    "Name",
    "is_unit",
    "label_note",
    "role_of",
    "slug",
    "split_unit",
    "unique_names",
]

_UNITS: Final = {
    u: u
    for u in (
        "K", "°C", "°F", "°R", "bar", "mbar", "Pa", "hPa", "kPa", "MPa", "psi", "psia", "psig",
        "mmHg", "inHg", "mmH2O", "atm", "Torr", "torr", "rpm", "1/min", "1/h", "1/s", "min-1",
        "Hz", "kHz", "MHz", "V", "kV", "mV", "µV", "A", "kA", "mA", "µA", "W", "kW", "MW",
        "mW", "VA", "kVA", "MVA", "var", "kvar", "VAr", "kVAr", "kVarh", "kvarh", "kVAh", "Wh",
        "kWh", "MWh", "GJ", "MJ", "kJ", "J", "N", "kN", "MN", "Nm", "N·m", "kNm", "mNm", "mm",
        "cm", "dm", "m", "km", "µm", "nm", "in", "inch", "ft", "mil", "s", "ms", "µs", "us",
        "ns", "min", "h", "d", "g", "mg", "kg", "t", "lb", "lbs", "oz", "l", "L", "ml", "mL",
        "cl", "m2", "m²", "m3", "m³", "cm2", "cm²", "cm3", "cm³", "mm2", "mm²", "mm3", "Nm3",
        "Nm³", "gal", "l/min", "L/min", "l/h", "L/h", "l/s", "m3/h", "m³/h", "m3/min", "m3/s",
        "m³/s", "Nm3/h", "Nm³/h", "kg/h", "kg/s", "kg/min", "t/h", "kg/m3", "g/cm3", "g/l",
        "g/L", "mg/l", "mg/L", "mg/m3", "µg/m3", "gpm", "cfm", "scfm", "mm/s", "mm/min",
        "mm/s2", "m/s", "m/min", "m/s2", "m/s²", "m/s^2", "mm/s²", "km/h", "mph", "deg", "°",
        "rad", "rad/s", "°/s", "deg/s", "Ω", "kΩ", "MΩ", "Ohm", "ohm", "kOhm", "F", "µF", "H",
        "mH", "T", "mT", "%", "‰", "%RH", "ppm", "ppb", "pH", "dB", "dBA", "dB(A)", "lux",
        "lx", "lm", "cd", "S/m", "µS/cm", "mS/cm", "NTU", "cP", "cSt", "Pa·s", "Pa.s", "mPa.s",
        "W/m2", "W/m²", "J/kg", "kJ/kg", "pcs", "pcs/h", "pcs/min", "pieces", "Stk", "Stück",
        "units", "counts", "ct", "tCO2", "kgCO2", "kg/kWh", "EUR", "USD", "€", "$", "mm/rev",
        "mm/tooth", "G", "C", "Ah", "mAh", "N/mm", "N/mm2", "N/mm²", "kN/m", "ft/min", "fpm",
        "lbf", "ft-lb", "hp", "PS", "BTU", "kcal", "bpm", "mol", "mol/l", "ksi", "AU", "a.u.",
        "steps", "bit", "V/s", "A/s", "K/s", "K/min", "°C/min", "°C/s",
    )
} | {
    "degC": "°C", "deg C": "°C", "Deg C": "°C", "DegC": "°C", "deg_C": "°C", "Celsius": "°C",
    "celsius": "°C", "oC": "°C", "ºC": "°C", "°c": "°C", "℃": "°C", "degF": "°F",
    "deg F": "°F", "Deg F": "°F", "Fahrenheit": "°F", "℉": "°F", "ºF": "°F", "degR": "°R",
    "degK": "K", "Kelvin": "K", "RPM": "rpm", "U/min": "1/min", "r/min": "1/min",
    "rev/min": "1/min", "Volts": "V", "Volt": "V", "volts": "V", "Amps": "A", "Amp": "A",
    "amps": "A", "Ampere": "A", "Watt": "W", "Watts": "W", "sec": "s", "secs": "s", "Sec": "s",
    "seconds": "s", "Seconds": "s", "second": "s", "msec": "ms", "milliseconds": "ms",
    "minutes": "min", "Minutes": "min", "hours": "h", "Hours": "h", "hr": "h", "hrs": "h",
    "days": "d", "percent": "%", "Percent": "%", "pct": "%", "degrees": "°", "Degrees": "°",
    "LPM": "l/min", "lpm": "l/min", "Lpm": "l/min", "Bar": "bar", "BAR": "bar", "PSI": "psi",
    "μm": "µm", "us": "µs", "um": "µm", "μs": "µs", "uA": "µA", "uV": "µV", "kw": "kW",
    "KW": "kW", "kwh": "kWh", "KWH": "kWh", "KWh": "kWh", "hz": "Hz", "HZ": "Hz", "meter": "m",
    "meters": "m", "uS/cm": "µS/cm", "grams": "g", "newton": "N", "Newton": "N", "liters": "l",
    "litres": "l", "inches": "in",
}  # fmt: skip
"""Units as written → as shown. Exact spelling: ``mW`` and ``MW`` are a billion apart."""

_SUFFIXES: Final = frozenset(
    u for u in _UNITS
    if len(u) >= 2 and u.isascii() and u.isalpha()
    and u not in ("in", "min", "units", "counts", "ct", "bit", "steps", "days", "hours", "Hours",
                  "mil", "PS", "AU", "pieces", "second", "var", "meter", "mol", "atm", "VA", "PH",
                  "Sec", "sec", "gal", "Volt", "Amp", "ms", "us", "ns", "cd", "cl", "ml", "Ah",
                  "lm", "lx", "hp", "pH", "degrees", "Degrees", "percent", "Percent", "MN", "mm")
) | {"mm", "ms", "sec", "pct", "percent", "min", "degrees"}  # fmt: skip
_SINGLE: Final = {
    "C": (r"temp|therm|thermocouple", "°C"), "F": (r"temp|therm", "°F"), "K": (r"temp|therm", "K"),
    "A": (r"current|amp|strom", "A"), "V": (r"volt|spannung", "V"), "W": (r"power|leistung", "W"),
    "N": (r"force|kraft", "N"), "s": (r"time|duration|elapsed|zeit|dauer", "s"),
    "h": (r"time|hour|duration", "h"), "m": (r"length|distance|height|level|position", "m"),
    "g": (r"accel|vib|weight|mass", "g"),
}  # fmt: skip
_BRACKETS = re.compile(
    r"^(.*?)\s*[\[({<]\s*([^\[\](){}<>]*(?:\([^()]*\))?)\s*[\])}>]\s*$", re.DOTALL
)
_TAIL = re.compile(
    r"^(.+?)(?:\s*/\s+|\s+/\s*|,\s+|\s+in\s+|\s+-\s+|:\s+|;\s*)(\S{1,10}(?: [CF])?)$"
)
_COMPOSED = re.compile(r"[^\s\d][^\s]{0,11}")


class Name(NamedTuple):
    """A column name taken apart."""

    title: str
    unit: str


def is_unit(text: str) -> bool:
    """Whether a text is a unit as people write it, in brackets or not."""
    bare = text.strip().strip("[](){}<>").strip()
    return bare in _UNITS or _is_composed(bare) or bare in ("-", "1", "")


def _is_composed(text: str) -> bool:
    parts = re.split(r"[/*·.^]|\s*per\s*", text)
    return len(parts) > 1 and all(
        p in _UNITS or p.rstrip("²³23") in _UNITS or p in ("1", "2", "3", "-1", "min-1")
        for p in parts
    )


def canonical(unit: str) -> str:
    """A unit as it is shown; texts that are not known stay as written."""
    bare = unit.strip().strip("[](){}<>").strip()
    return "" if bare in ("-", "1", "--", "–") else _UNITS.get(bare, bare)


def split_unit(name: str) -> Name:
    """Title and unit of a column name.

    >>> split_unit("Air temperature [K]"), split_unit("Usage_kWh"), split_unit("Class_C")
    (Name(title='Air temperature', unit='K'), Name(title='Usage', unit='kWh'), \
Name(title='Class_C', unit=''))
    """
    text = " ".join(name.split())
    match = _BRACKETS.match(text)
    if match and match[1].strip(" _-"):
        inside = match[2].strip()
        is_square = text.rstrip().endswith("]")
        if is_unit(inside) or (is_square and _COMPOSED.fullmatch(inside) and not inside.isalnum()):
            return Name(match[1].strip(" _-"), canonical(inside))
        if is_square and re.fullmatch(r"[A-Za-zµ°%]{1,4}\d?", inside):
            return Name(match[1].strip(" _-"), canonical(inside))
        return Name(text, "")
    match = _TAIL.match(text)
    if match and match[2] in _UNITS:
        return Name(match[1].strip(), canonical(match[2]))
    head, mark, last = text.rpartition("_")
    if not mark:
        head, mark, last = text.rpartition(" ")
    if not mark:
        head, mark, last = text.rpartition(".")
    if head and last in _SUFFIXES:
        return Name(head.strip(" _-."), canonical(last))
    if (
        head
        and mark
        and last in ("%", "°C", "°F", "°", "mm/s", "m/s", "l/min", "m3/h", "1/min", "‰")
    ):
        return Name(head.strip(" _-."), canonical(last))
    if head and last in _SINGLE and re.search(_SINGLE[last][0], head, re.IGNORECASE):
        return Name(head.strip(" _-"), _SINGLE[last][1])
    return Name(text, "")


def slug(text: str) -> str:
    """A key for a path: lower case ASCII letters, digits and ``_``; never empty.

    >>> slug("Temperatur Öl (°C)"), slug("1")
    ('temperatur_oel_c', '1')
    """
    text = text.lower()
    for a, b in (
        ("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"), ("%", " percent "), ("ø", "oe"),
        ("å", "aa"), ("æ", "ae"), ("µ", "u"), ("μ", "u"),
    ):  # fmt: skip
        text = text.replace(a, b)
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", ascii_text).strip("_")[:100].strip("_") or "x"


def unique_names(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names made unique by ``_2``, ``_3`` …, and those that were there more than once."""
    seen: set[str] = set(names)
    used: set[str] = set()
    result, doubled = [], []
    for name in names:
        unique, number = name, 1
        while unique in used or (number > 1 and unique in seen):
            number += 1
            unique = f"{name}_{number}"
        if unique != name:
            doubled.append(name)
        used.add(unique)
        result.append(unique)
    return result, doubled


class Guess(NamedTuple):
    """What a signal may mean, how sure that is, and why."""

    role: str | None
    confidence: float
    why: str


_ROLES: Final = (
    ("reject", r"reject|scrap|nok|defects?$|bad_?(?:parts|count|pieces)|ausschuss|waste"),
    ("count", r"count(?:er)?$|^count|total_?(?:parts|pieces|units|count)|produced|stueckzahl|piece|"
              r"good_?(?:parts|count|pieces)|parts_|zaehler|output_?(?:qty|quantity)"),
    ("state", r"state$|^state|status$|mode$|phase$|machining_process|zustand|betriebsart|load_type|"
              r"step$"),
    ("run", r"running|^run$|_run$|is_on$|on_off|laeuft|motor_on|pump_on|active$|enabled$"),
    ("setpoint", r"set_?point|_sp$|^sp_|sollwert|_soll$|target_(?:temp|speed|pressure)|"
                 r"command(?:ed)?_?(?:position|velocity|acceleration|speed|feed)"),
    ("alarm", r"alarm|fault_?code|error_?code|warning|stoerung"),
    ("energy", r"energy|kwh|wh$|consumption|verbrauch|usage"),
    ("power", r"power$|^power|_power_|_kw$|leistung|wirkleistung"),
    ("speed", r"speed|rpm|drehzahl|velocity|geschwindigkeit|feed_?rate"),
    ("order", r"order_?(?:no|id|number)?$|^order|auftrag|job_?(?:id|no)?$|work_?order|batch|"
              r"lot_?(?:id|no)?$|charge$|case_id"),
    ("product", r"product|material|recipe|part_?(?:no|number|id)|artikel|sku|"
                r"program(?:_?number)?$"),
)  # fmt: skip
_CONDITION: Final = (
    r"temp|therm|pressure|druck|vib|accel|force|torque|current|volt|flow|level|humid|position|wear|"
    r"viscos|density|weight|noise|strom|spannung|kraft|moment|durchfluss|feuchte|thickness|gap|rms"
)
_UNIT_ROLES: Final = {
    "kWh": "energy", "Wh": "energy", "MWh": "energy", "kW": "power", "MW": "power", "W": "power",
    "rpm": "speed", "1/min": "speed", "pcs/h": "speed", "pcs": "count", "Stk": "count",
}  # fmt: skip


def role_of(title: str, unit: str, type: str) -> Guess:
    """What the signal may mean for production, judged by its words and unit."""
    key = slug(title)
    if label_note(title):
        return Guess(None, 0.5, "")
    for role, pattern in _ROLES:
        match = re.search(pattern, key)
        if match is None:
            continue
        if role in ("count", "reject", "energy", "power", "speed", "setpoint") and type != "number":
            continue
        if role == "energy" and unit and _UNIT_ROLES.get(unit) not in ("energy", None):
            continue
        if role in ("power", "energy") and re.search(r"factor|reactive|quality", key):
            continue
        sure = 0.8 if _UNIT_ROLES.get(unit) == role else 0.6
        return Guess(role, sure, f"its name holds '{match[0].strip('_')}'")
    if unit in _UNIT_ROLES and type == "number" and not re.search(r"factor|reactive", key):
        return Guess(_UNIT_ROLES[unit], 0.6, f"its unit is {unit}")
    match = re.search(_CONDITION, key)
    if match and type == "number":
        return Guess("condition", 0.6, f"its name holds '{match[0]}'")
    if unit and type == "number":
        return Guess("condition", 0.4, f"it is measured in {unit}")
    return Guess(None, 0.5, "")


_LABELS = re.compile(
    r"^(?:anomal(?:y|ies)|is_anomaly|change_?points?|labels?|target|class(?:_?label)?|machine_failure|"
    r"failure(?:_type)?|fault(?:_?(?:type|number|label|class))?|twf|hdf|pwf|osf|rnf|rul|outcome|"
    r"ground_?truth|y|pass_fail|attack|normal_attack|tool_condition|tool_wear|quality_?class|"
    r"defect(?:_?type)?|passed|is_fault|health_?state)$"
)


def label_note(title: str) -> str:
    """A warning if a column looks like an answer that somebody wrote beside the measurements."""
    return "looks like a label, not a measurement" if _LABELS.match(slug(title)) else ""
