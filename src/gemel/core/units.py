"""Units: one spelling each, the codes of OPC UA, and conversion.

A unit in the plant file is a symbol such as ``mm/s``, ``°C`` or ``1/h``. Machines write the same
unit in many ways; `canonical` gives the one spelling. OPC UA names units by the UNECE common code
(Recommendation 20), packed into an integer (OPC 10000-8 §5.6.4.3). Units are dimension and scale
only: what is counted (bottles, parts) is not part of it, so ``pcs/h`` is ``1/h``.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final

from gemel.core.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    import pint

__all__ = [
    "SYMBOLS",
    "UNECE_SPACE",
    "canonical",
    "code_of_unit_id",
    "convert",
    "is_same_quantity",
    "symbol_of_code",
    "symbol_of_unit_id",
    "unit_id_of_code",
]

UNECE_SPACE: Final = "http://www.opcfoundation.org/UA/units/un/cefact"
"""NamespaceUri of an EUInformation whose unitId is a UNECE code."""

SYMBOLS: Final[dict[str, str]] = {
    # nothing, counts, ratios
    "C62": "1", "P1": "%", "59": "ppm", "61": "ppb", "NMP": "1", "H87": "1", "EA": "1", "PR": "1",
    # length, area, volume
    "MTR": "m", "KMT": "km", "DMT": "dm", "CMT": "cm", "MMT": "mm", "4H": "µm", "C45": "nm",
    "INH": "in", "FOT": "ft", "MTK": "m²", "CMK": "cm²", "MMK": "mm²", "MTQ": "m³", "DMQ": "dm³",
    "CMQ": "cm³", "MMQ": "mm³", "LTR": "l", "HLT": "hl", "CLT": "cl", "MLT": "ml", "4G": "µl",
    "GLL": "gal",
    # mass, density, amount
    "KGM": "kg", "GRM": "g", "MGM": "mg", "MC": "µg", "TNE": "t", "LBR": "lb", "ONZ": "oz",
    "KMQ": "kg/m³", "23": "g/cm³", "GL": "g/l", "M1": "mg/l", "28": "kg/m²", "25": "g/cm²",
    "GM": "g/m²", "C34": "mol", "C36": "mol/m³", "C38": "mol/l",
    # time, frequency, rates of counting
    "SEC": "s", "C26": "ms", "B98": "µs", "MIN": "min", "HUR": "h", "DAY": "d", "WEE": "wk",
    "MON": "mo", "ANN": "a", "HTZ": "Hz", "KHZ": "kHz", "MHZ": "MHz", "A86": "GHz",
    "RPM": "1/min", "RPS": "1/s", "C97": "1/s", "C94": "1/min", "H10": "1/h", "E91": "1/d",
    # movement
    "MTS": "m/s", "2X": "m/min", "M60": "m/h", "C16": "mm/s", "H81": "mm/min", "2M": "cm/s",
    "KMH": "km/h", "MSK": "m/s²", "M41": "mm/s²", "2A": "rad/s", "2B": "rad/s²", "E96": "°/s",
    "K40": "gn",
    # angle
    "DD": "°", "C81": "rad", "C25": "mrad", "D61": "′", "D62": "″",
    # force, torque, pressure
    "NEW": "N", "B47": "kN", "B73": "MN", "NU": "N·m", "B48": "kN·m", "PAL": "Pa", "A97": "hPa",
    "KPA": "kPa", "MPA": "MPa", "BAR": "bar", "MBR": "mbar", "PS": "psi", "ATM": "atm",
    "C56": "N/mm²", "4P": "N/m",
    # flow
    "MQS": "m³/s", "MQH": "m³/h", "G51": "l/s", "L2": "l/min", "E32": "l/h",
    "KGS": "kg/s", "F31": "kg/min", "E93": "kg/h", "4M": "mg/h", "E18": "t/h", "2J": "cm³/s",
    # temperature and heat
    "CEL": "°C", "FAH": "°F", "KEL": "K", "D33": "T", "H12": "°C/h", "H13": "°C/min",
    "H14": "°C/s", "D53": "W/(m·K)",
    # energy and power
    "JOU": "J", "KJO": "kJ", "3B": "MJ", "GV": "GJ", "WHR": "W·h", "KWH": "kW·h", "MWH": "MW·h",
    "C15": "mJ", "WTT": "W", "KWT": "kW", "MAW": "MW", "C31": "mW", "BHP": "hp",
    # electricity
    "AMP": "A", "4K": "mA", "B84": "µA", "AMH": "A·h", "E09": "mA·h", "VLT": "V", "KVT": "kV",
    "2Z": "mV", "OHM": "Ω", "B49": "kΩ", "B75": "MΩ", "FAR": "F", "4O": "µF", "C41": "nF",
    "81": "H", "D46": "V·A", "KVA": "kV·A", "D44": "var", "KVR": "kvar",
    "D10": "S/m", "H61": "mS/cm", "G42": "µS/cm", "SIE": "S", "Q30": "pH", "COU": "C",
    # light, sound, viscosity, others
    "LUX": "lx", "LUM": "lm", "CDL": "cd", "2N": "dB", "C65": "Pa·s", "C24": "mPa·s",
    "C17": "mm²/s", "4C": "cSt", "E34": "GB", "4L": "MB", "AD": "B",
}  # fmt: skip
"""Symbol of a UNECE common code, for the units that are met in manufacturing."""

_SPELLINGS: Final[dict[str, str]] = {
    "degc": "°C", "deg c": "°C", "grad c": "°C", "celsius": "°C", "degree celsius": "°C",
    "degrees celsius": "°C", "grad celsius": "°C", "c": "°C", "℃": "°C", "ºc": "°C", "˚c": "°C",
    "degf": "°F", "deg f": "°F", "fahrenheit": "°F", "degree fahrenheit": "°F", "℉": "°F",
    "kelvin": "K", "deg": "°", "degree": "°", "degrees": "°", "grad": "°", "º": "°",
    "percent": "%", "prozent": "%", "pct": "%", "vol%": "%", "% rh": "%", "%rh": "%", "rh": "%",
    "": "", "-": "1", "none": "1", "one": "1", "unitless": "1", "dimensionless": "1",
    "pcs": "1", "pc": "1", "pieces": "1", "piece": "1", "parts": "1", "part": "1", "stk": "1",
    "stück": "1", "stueck": "1", "bottles": "1", "flaschen": "1", "items": "1", "units": "1",
    "count": "1", "counts": "1", "cycles": "1", "zyklen": "1", "strokes": "1", "cans": "1",
    "rpm": "1/min", "r/min": "1/min", "rev/min": "1/min", "u/min": "1/min", "upm": "1/min",
    "rps": "1/s", "hertz": "Hz", "cpm": "1/min", "bpm": "1/min", "bph": "1/h", "pph": "1/h",
    "ppm": "ppm", "sec": "s", "second": "s", "seconds": "s", "sek": "s", "sekunden": "s",
    "minute": "min", "minutes": "min", "minuten": "min", "hour": "h", "hours": "h", "hr": "h",
    "hrs": "h", "stunde": "h", "stunden": "h", "std": "h", "day": "d", "days": "d", "tage": "d",
    "msec": "ms", "usec": "µs", "meter": "m", "metre": "m", "millimeter": "mm",
    "millimetre": "mm", "um": "µm", "micron": "µm", "liter": "l", "litre": "l", "ltr": "l",
    "cbm": "m³", "kilogram": "kg", "gram": "g", "ton": "t", "tonne": "t", "kwh": "kW·h",
    "kilowatt hour": "kW·h", "wh": "W·h", "mwh": "MW·h", "ah": "A·h", "kilowatt": "kW",
    "watt": "W", "kw": "kW", "joule": "J", "ampere": "A", "amp": "A", "amps": "A", "volt": "V",
    "volts": "V", "ohm": "Ω", "ohms": "Ω", "newton": "N", "nm": "N·m", "n*m": "N·m",
    "newton metre": "N·m", "newton meter": "N·m", "pascal": "Pa", "mbar(g)": "mbar",
    "bar(g)": "bar", "barg": "bar", "bara": "bar", "bar(a)": "bar", "psig": "psi", "psia": "psi",
    "kva": "kV·A", "va": "V·A", "kvar": "kvar", "us/cm": "µS/cm", "ms/cm": "mS/cm",
    "l/hr": "l/h", "lpm": "l/min", "slpm": "l/min", "nl/min": "l/min", "nm³/h": "m³/h",
    "cst": "cSt", "mpas": "mPa·s", "mpa.s": "mPa·s", "cp": "mPa·s", "ph": "pH", "db": "dB",
    "db(a)": "dB", "kph": "km/h", "mps": "m/s", "g-force": "gn", "degc/s": "°C/s",
}  # fmt: skip
"""Lower-case spellings of units that are met. `nm` is here a torque: see `canonical`."""

_COUNTED: Final = frozenset(
    [
        "pcs",
        "pc",
        "pieces",
        "piece",
        "parts",
        "part",
        "stk",
        "stück",
        "stueck",
        "bottles",
        "bottle",
        "btl",
        "flaschen",
        "fl",
        "items",
        "item",
        "units",
        "unit",
        "counts",
        "count",
        "cycles",
        "cycle",
        "zyklen",
        "strokes",
        "cans",
        "can",
        "cartons",
        "carton",
        "cases",
        "case",
        "pallets",
        "pallet",
        "labels",
        "products",
        "prod",
        "packs",
        "pack",
        "ea",
        "takte",
        "takt",
        "hübe",
        "rev",
        "revs",
        "r",
        "u",
    ]
)
_PER_TIME: Final = {
    "s": "s", "sec": "s", "second": "s", "min": "min", "minute": "min", "h": "h", "hr": "h",
    "hour": "h", "std": "h", "stunde": "h", "d": "d", "day": "d", "tag": "d",
}  # fmt: skip
_SUPERSCRIPTS: Final = str.maketrans({"⁰": "0", "⁻": "-", "¹": "1"})
_BY_LOWER: Final[dict[str, str]] = {}
for _symbol in SYMBOLS.values():
    _BY_LOWER.setdefault(_symbol.lower(), _symbol)
_KNOWN: Final = frozenset(SYMBOLS.values())


@functools.lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """The one spelling of a unit; text that is not known comes back as it is, trimmed.

    A UNECE code stands for its unit where it is no symbol itself. Case is looked at first, because
    it matters (``mW``, ``MW``; ``nm`` written so is a length, ``Nm`` a torque).

    >>> canonical("degC"), canonical("CEL"), canonical("pcs/h"), canonical("U/min")
    ('°C', '°C', '1/h', '1/min')
    """
    stripped = " ".join(text.strip().strip("[]").split())
    plain = stripped.translate(_SUPERSCRIPTS)
    plain = plain.replace("^2", "²").replace("^3", "³").replace("μ", "µ").replace("**", "^")
    plain = re.sub(r"(?<=[a-z])2(?=$|/)", "²", plain)
    plain = re.sub(r"(?<=[a-z])3(?=$|/)", "³", plain)
    plain = plain.replace("*", "·").replace("⋅", "·") if plain.lower() != "n*m" else "N·m"
    if plain in _KNOWN:
        return plain
    if re.fullmatch(r"[A-Z0-9]{2,3}", plain) and plain in SYMBOLS:
        return SYMBOLS[plain]
    rate = _rate(plain)
    if rate is not None:
        return rate
    lower = plain.lower()
    if lower in _SPELLINGS:
        return _SPELLINGS[lower]
    if lower in _BY_LOWER:
        return _BY_LOWER[lower]
    return stripped


def _rate(text: str) -> str | None:
    """``1/h`` of ``/h``, ``pcs/h``, ``bottles per hour``, ``h-1`` …"""
    lower = re.sub(r"\s*(?:/|\bper\b|\bpro\b|\bje\b)\s*", "/", text.lower())
    inverse = re.fullmatch(r"([a-z]+)(?:\^?-1)", lower)
    if inverse and inverse[1] in _PER_TIME:
        return f"1/{_PER_TIME[inverse[1]]}"
    counted, slash, period = lower.partition("/")
    if slash and period in _PER_TIME and counted.strip() in {"", "1", "#", *_COUNTED}:
        return f"1/{_PER_TIME[period]}"
    return None


def symbol_of_code(code: str) -> str | None:
    """Symbol of a UNECE common code; None for one that is not in the table.

    >>> symbol_of_code("KWH")
    'kW·h'
    """
    return SYMBOLS.get(code.strip().upper())


def unit_id_of_code(code: str) -> int:
    """The unitId of OPC UA: the code's characters as bytes of an integer.

    >>> unit_id_of_code("CEL")
    4408652
    """
    return int.from_bytes(code.encode("ascii"), "big")


def code_of_unit_id(unit_id: int) -> str | None:
    """The UNECE common code of a unitId; None if the integer is not one.

    >>> code_of_unit_id(4408652)
    'CEL'
    """
    if not 0 < unit_id < 1 << 24:
        return None
    text = unit_id.to_bytes(3, "big").lstrip(b"\0").decode("latin-1")
    return text if re.fullmatch(r"[A-Z0-9]{1,3}", text) else None


def symbol_of_unit_id(unit_id: int) -> str | None:
    """Symbol of an OPC UA unitId; None where the table does not know it."""
    code = code_of_unit_id(unit_id)
    return SYMBOLS.get(code) if code is not None else None


def convert(value: Any, source: str, target: str) -> Any:
    """A number or array in another unit. Raises `ConfigurationError` if that cannot be.

    >>> round(convert(100.0, "°C", "°F"), 6)
    212.0
    """
    wanted, given = canonical(target), canonical(source)
    if wanted == given:
        return value
    import pint

    registry = _registry()
    try:
        return registry.Quantity(value, _parse(given)).to(_parse(wanted)).magnitude
    except pint.errors.PintError as error:
        raise ConfigurationError(f"cannot convert '{source}' to '{target}': {error}") from None


def is_same_quantity(one: str, other: str) -> bool:
    """Whether two units measure the same, so that one converts into the other."""
    try:
        return bool(
            _parse(canonical(one)).dimensionality == _parse(canonical(other)).dimensionality
        )
    except ConfigurationError:
        return canonical(one) == canonical(other)


@functools.cache
def _registry() -> pint.UnitRegistry[Any]:
    import pint

    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    registry.define("var = volt * ampere")
    registry.define("kvar = 1000 * var")
    registry.define("ppb = 1e-9")
    return registry


_FOR_PINT: Final = {
    "°C": "degC", "°F": "degF", "°": "degree", "%": "percent", "′": "arcminute", "″": "arcsecond",
    "gn": "standard_gravity", "pH": "dimensionless", "": "dimensionless", "dB": "decibel",
    "a": "year", "wk": "week", "mo": "month", "hl": "hectoliter",
    "cSt": "centistokes", "t": "metric_ton", "t/h": "metric_ton/hour", "H": "henry",
    "T": "tesla", "MB": "megabyte", "GB": "gigabyte", "B": "byte", "hp": "horsepower",
    "1": "dimensionless", "1/min": "1/minute", "h": "hour", "d": "day", "min": "minute",
    "°C/h": "delta_degC/hour", "°C/min": "delta_degC/minute", "°C/s": "delta_degC/second",
    "°/s": "degree/second",
}  # fmt: skip


@functools.cache
def _parse(symbol: str) -> Any:
    import pint

    text = _FOR_PINT.get(symbol)
    if text is None:
        text = symbol.replace("·", "*").replace("²", "**2").replace("³", "**3")
        text = re.sub(r"\bh\b", "hour", text)
        text = re.sub(r"\bd\b", "day", text)
    try:
        return _registry().parse_units(text)
    except (pint.errors.PintError, ValueError, TypeError, AttributeError, SyntaxError):
        raise ConfigurationError(
            f"'{symbol}' is not a known unit; {did_you_mean(symbol, _KNOWN)}"
        ) from None
