"""What a name probably means: roles, levels and keys, in English and German. Pure functions.

A guess is a proposal: it comes with a confidence and a reason, and a person looks at it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from gemel.core.catalogue import SignalType

__all__ = ["Guess", "is_group", "is_safety", "level_of", "role_of", "slug"]


@dataclass(frozen=True, slots=True)
class Guess:
    """A role with the confidence in it and the reason."""

    role: str | None
    confidence: float
    why: str


_LETTERS: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "µ": "u"}
)


def slug(text: str) -> str:
    """A key: lower case, ASCII, words joined by underscores; ``x`` if nothing is left.

    >>> slug("CurrentMachSpeed"), slug("Füllhöhe 3"), slug("PLC1.DB10.Wert")
    ('current_mach_speed', 'fuellhoehe_3', 'plc1_db10_wert')
    """
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    plain = plain.encode("ascii", "ignore").decode()
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", plain)
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_") or "x"


_GROUPS: Final = frozenset(
    [
        "status",
        "admin",
        "command",
        "commands",
        "parameter",
        "parameters",
        "parameter_set",
        "monitoring",
        "identification",
        "data",
        "values",
        "variables",
        "sensors",
        "signals",
        "alarms",
        "energy",
        "process",
        "process_data",
        "settings",
        "setpoints",
        "machinery_building_blocks",
        "components",
        "production",
        "notification",
        "equipment",
        "configuration",
        "measurements",
        "measured_values",
        "counters",
        "statistics",
        "kpis",
        "diagnosis",
        "health",
        "condition",
        "istwerte",
        "sollwerte",
        "messwerte",
        "zustand",
        "stoerungen",
        "zaehler",
        "parametersatz",
        "einstellungen",
        "daten",
        "signale",
        "energie",
        "prozess",
        "prozesswerte",
        "betriebsdaten",
        "axes",
        "inputs",
        "outputs",
        "io",
        "operation",
        "state_machine",
        "machinery_item_state",
        "machinery_operation_mode",
        "operation_counters",
        "life_time_counters",
        "order",
        "job",
        "job_order",
        "order_data",
        "auftrag",
        "shift",
        "schicht",
    ]
)


def is_group(name: str) -> bool:
    """Whether an object of this name only sorts what belongs to its parent."""
    return slug(name) in _GROUPS


def is_safety(name: str) -> bool:
    """Whether a variable seems to belong to a safety function, which is never written."""
    return bool(
        re.search(r"safe|sicher|e_?stop|emergency|not_?(halt|aus)|light_curtain|guard_lock",
                  slug(name))
    )  # fmt: skip


_LEVELS: Final = (
    ("enterprise", r"enterprise|company|konzern|unternehmen"),
    ("site", r"site|plant|factory|werk|standort|fabrik"),
    ("area", r"area|hall|halle|bereich|department|abteilung|building"),
    ("work_center", r"line|linie|cell|zelle|work_?cent(er|re)|production_line|strasse|anlage"),
)


def level_of(name: str, type_name: str) -> str | None:
    """Level of the ISA-95 hierarchy that an object's type or, failing that, its name tells.

    >>> level_of("Northfield", "SiteType"), level_of("Line2", "FolderType"), level_of("M1", "")
    ('site', 'work_center', None)
    """
    for text in (slug(type_name).removesuffix("_type"), re.sub(r"_?\d+$", "", slug(name))):
        for level, pattern in _LEVELS:
            if re.fullmatch(rf"(?:.*_)?(?:{pattern})(?:_.*)?", text) and text != "work_unit":
                return level
    return None


_NUMBERS: Final = ("number",)
_DISCRETE: Final = ("enumeration", "number")
_ANY: Final = ("number", "boolean", "enumeration", "text")
_RATES: Final = frozenset({"1/h", "1/min", "1/s"})
_STATE_WORDS: Final = frozenset(
    [
        "execute",
        "idle",
        "running",
        "stopped",
        "stopping",
        "starting",
        "aborted",
        "held",
        "suspended",
        "complete",
        "producing",
        "laeuft",
        "steht",
        "stoerung",
        "betrieb",
        "notexecuting",
        "outofservice",
        "initializing",
        "executing",
    ]
)

# (role, pattern of the key, types, units or None for any, confidence)
_RULES: Final[tuple[tuple[str, str, tuple[str, ...], frozenset[str] | None, float], ...]] = (
    ("alarm", r"alarm|fault|error|stoer|fehler|warn", ("boolean",), None, 0.8),
    ("run", r"^(is_)?(run|running|executing|producing|laeuft|in_betrieb|betrieb|lauf)($|_)"
     r"|_(running|laeuft|in_betrieb)$", ("boolean",), None, 0.8),
    ("state", r"^(state_current|machine_state|machinery_item_state|current_state|packml_state"
     r"|unit_state|maschinenzustand|betriebszustand)$|(^|_)state_current$",
     _DISCRETE, None, 0.9),
    ("state", r"(^|_)(state|status|zustand)($|_)", ("enumeration",), None, 0.7),
    ("setpoint", r"set_?point|setpoint|(^|_)soll|soll(wert)?$|target|(^|_)sp$|(^|_)set($|_)"
     r"|vorgabe|demand|^mach_speed$|nominal", ("number", "enumeration"), None, 0.8),
    ("reject", r"reject|defect|scrap|ausschuss|schlecht|(^|_)nok($|_)|(^|_)nio($|_)|waste"
     r"|(^|_)bad_(count|part)", _NUMBERS, None, 0.8),
    ("condition", r"vibration|schwing|bearing|lager(?!bestand)|(^|_)rms($|_)", _NUMBERS, None, 0.8),
    ("energy", r"", _NUMBERS, frozenset({"kW·h", "W·h", "MW·h", "J", "kJ", "MJ", "GJ"}), 0.9),
    ("energy", r"energy|energie|stromverbrauch", _NUMBERS, None, 0.6),
    ("power", r"", _NUMBERS, frozenset({"W", "kW", "MW", "V·A", "kV·A"}), 0.9),
    ("power", r"(^|_)power($|_)|wirkleistung|leistungsaufnahme", _NUMBERS, None, 0.6),
    ("count", r"(^|_)(prod_processed_count|prod_defective_count|part_count|good_count|total_count"
     r"|bottle_count|output_count)$|(^|_)(good|gutteile|gutstueck)", _NUMBERS, None, 0.9),
    ("count", r"(^|_)count($|_|er)|zaehler|stueckzahl|anzahl|produced|(^|_)parts?($|_)",
     _NUMBERS, None, 0.7),
    ("speed", r"^(cur_mach_speed|current_(mach|machine)?_?speed|machine_speed|speed"
     r"|actual_speed|ist_geschwindigkeit|geschwindigkeit)$", _NUMBERS, None, 0.9),
    ("speed", r"speed|rate|throughput|takt|geschw|output", _NUMBERS, _RATES, 0.8),
    ("speed", r"speed|geschwindigkeit|drehzahl|velocity|(^|_)rpm($|_)", _NUMBERS, None, 0.6),
    ("order", r"order|auftrag|(^|_)job", ("text",), None, 0.8),
    ("lot", r"(^|_)lot($|_)|(^|_)batch|charge|(^|_)los($|_)", ("text",), None, 0.8),
    ("product", r"product|produkt|recipe|rezept|article|artikel|material|(^|_)sku($|_)|sorte"
     r"|program", ("text", "enumeration"), None, 0.7),
    ("quality", r"fill_?(level|volume|height)|fuell(hoehe|menge)|weight|gewicht|quality|qualitaet"
     r"|closing_torque|verschliessmoment|dimension|masshaltig", _NUMBERS, None, 0.6),
    ("condition", r"temperatur|(^|_)temp($|_)|pressure|druck|current$|strom|torque|drehmoment"
     r"|(^|_)load($|_)|auslastung|vacuum|vakuum", _NUMBERS, None, 0.6),
    ("alarm", r"alarm|fault_code|error_code|stoercode|fehlercode", _ANY, None, 0.6),
)  # fmt: skip


def role_of(
    key: str,
    type: SignalType,
    unit: str,
    labels: tuple[tuple[int, str], ...] = (),
    writable: bool = False,
) -> Guess:
    """The role that key, type, unit and labels of a signal suggest.

    >>> role_of("current_speed", "number", "1/h").role, role_of("tank_name", "text", "").role
    ('speed', None)
    """
    name = key.rpartition("/")[2]
    words = {re.sub(r"[^a-z]", "", slug(label)) for _, label in labels}
    if type == "enumeration" and len(words & _STATE_WORDS) >= 2:
        shown = ", ".join(label for _, label in labels[:3])
        return Guess("state", 0.95, f"its words are those of a machine ({shown} …)")
    for role, pattern, types, units, confidence in _RULES:
        if type not in types or (units is not None and unit not in units):
            continue
        match = re.search(pattern, name)
        if match is None:
            continue
        if role == "setpoint" and writable:
            return Guess(role, 0.9, f"named '{match[0].strip('_')}' and writable")
        if not match[0]:
            return Guess(role, confidence, f"measured in {unit}")
        suffix = f", in {unit}" if units is not None else ""
        return Guess(role, confidence, f"named '{match[0].strip('_')}'{suffix}")
    return Guess(None, 0.0, "")
