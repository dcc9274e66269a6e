"""Units: spellings, codes and conversion."""

from __future__ import annotations

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError
from gemel.core.units import (
    SYMBOLS,
    canonical,
    code_of_unit_id,
    convert,
    is_same_quantity,
    symbol_of_unit_id,
    unit_id_of_code,
)


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("degC", "°C"), ("°C", "°C"), ("CEL", "°C"), ("Grad C", "°C"), ("1/h", "1/h"),
        ("/h", "1/h"), ("pcs/h", "1/h"), ("Stück/h", "1/h"), ("bottles per hour", "1/h"),
        ("h-1", "1/h"), ("rpm", "1/min"), ("U/min", "1/min"), ("m3/h", "m³/h"), ("m^3/h", "m³/h"),
        ("mm/s2", "mm/s²"), ("kWh", "kW·h"), ("KWH", "kW·h"), ("[bar]", "bar"), ("Nm", "N·m"),
        ("nm", "nm"), ("mW", "mW"), ("MW", "MW"), ("um", "µm"), ("L/min", "l/min"), ("%", "%"),
        ("furlong/fortnight", "furlong/fortnight"), ("", ""),
    ],
)  # fmt: skip
def test_one_spelling(written, unit):
    assert canonical(written) == unit
    assert canonical(unit) == unit


def test_unit_ids_of_the_specification():
    """Values of the table that OPC 10000-8 refers to (UNECE_to_OPCUA.csv)."""
    for code, number in {"CEL": 4408652, "MTR": 5067858, "KGM": 4933453, "BAR": 4342098,
                         "P1": 20529, "C62": 4404786, "KWT": 4937556}.items():  # fmt: skip
        assert unit_id_of_code(code) == number
        assert code_of_unit_id(number) == code
    assert symbol_of_unit_id(4408652) == "°C"
    assert symbol_of_unit_id(-1) is None
    assert symbol_of_unit_id(1) is None


def test_the_table_is_sound():
    assert len(SYMBOLS) >= 120
    for code, symbol in SYMBOLS.items():
        assert code_of_unit_id(unit_id_of_code(code)) == code
        assert canonical(symbol) == symbol
        assert is_same_quantity(symbol, symbol)


def test_conversion_against_known_values():
    assert convert(1.0, "bar", "kPa") == pytest.approx(100.0)
    assert convert(100.0, "°C", "°F") == pytest.approx(212.0)
    assert convert(1.0, "bar", "psi") == pytest.approx(14.503773773)
    assert convert(18_000.0, "pcs/h", "1/s") == pytest.approx(5.0)
    assert convert(1.0, "kWh", "MJ") == pytest.approx(3.6)
    assert np.allclose(convert(np.array([0.0, 60.0]), "1/min", "1/s"), [0.0, 1.0])
    assert convert(3.0, "m^3/h", "m³/h") == 3.0


def test_what_cannot_be_converted_says_so():
    with pytest.raises(ConfigurationError, match="cannot convert 'bar' to '°C'"):
        convert(1.0, "bar", "°C")
    with pytest.raises(ConfigurationError, match="not a known unit"):
        convert(1.0, "quux", "m")
    assert is_same_quantity("quux", "quux")
    assert not is_same_quantity("bar", "°C")
