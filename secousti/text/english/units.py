"""Units and currencies in English: their names, plurals and when they stay singular."""

from __future__ import annotations

import re

UNITS = {
    "km/h": "kilometer per hour", "kph": "kilometer per hour", "mph": "mile per hour",
    "mi/h": "mile per hour", "km/s": "kilometer per second", "m/s": "meter per second",
    "m/s²": "meter per second squared", "m/s^2": "meter per second squared",
    "ft/s": "foot per second", "cm/s": "centimeter per second", "m/min": "meter per minute",
    "kbps": "kilobit per second", "Kbps": "kilobit per second", "Mbps": "megabit per second",
    "Gbps": "gigabit per second", "Mb/s": "megabit per second", "Gb/s": "gigabit per second",
    "kbit/s": "kilobit per second", "Mbit/s": "megabit per second", "bit/s": "bit per second",
    "MB/s": "megabyte per second", "GB/s": "gigabyte per second", "KB/s": "kilobyte per second",
    "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "dm": "decimeter",
    "m": "meter", "mi": "mile", "ft": "foot", "yd": "yard", "nm": "nanometer",
    "μm": "micrometer", "um": "micrometer", "kg": "kilogram", "mg": "milligram", "g": "gram",
    "μg": "microgram", "mcg": "microgram", "ug": "microgram", "lb": "pound", "lbs": "pound",
    "oz": "ounce", "L": "liter", "l": "liter", "ml": "milliliter", "mL": "milliliter",
    "dL": "deciliter", "cl": "centiliter", "gal": "gallon", "qt": "quart", "pt": "pint",
    "mg/dL": "milligram per deciliter", "mg/L": "milligram per liter", "g/L": "gram per liter",
    "mg/kg": "milligram per kilogram", "μg/m³": "microgram per cubic meter",
    "mmol/L": "millimole per liter", "mol/L": "mole per liter", "kg/m³": "kilogram per cubic meter",
    "g/cm³": "gram per cubic centimeter", "kg/m²": "kilogram per square meter",
    "mmHg": "millimeter of mercury", "Pa": "pascal", "kPa": "kilopascal", "MPa": "megapascal",
    "hPa": "hectopascal", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz",
    "THz": "terahertz", "Hz": "hertz", "dB": "decibel", "dBm": "decibel milliwatt",
    "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "mW": "milliwatt", "W": "watt",
    "kWh": "kilowatt hour", "MWh": "megawatt hour", "Wh": "watt hour", "V": "volt",
    "kV": "kilovolt", "mV": "millivolt", "mA": "milliamp", "mAh": "milliamp hour",
    "Ω": "ohm", "kΩ": "kilohm", "KB": "kilobyte", "kB": "kilobyte", "MB": "megabyte",
    "GB": "gigabyte", "TB": "terabyte", "PB": "petabyte", "GiB": "gibibyte", "MiB": "mebibyte",
    "Kb": "kilobit", "Mb": "megabit", "Gb": "gigabit", "ns": "nanosecond", "μs": "microsecond",
    "ms": "millisecond", "s": "second", "sec": "second", "secs": "second", "min": "minute",
    "mins": "minute", "h": "hour", "hr": "hour", "hrs": "hour", "yr": "year", "yrs": "year",
    "wk": "week", "wks": "week", "°C": "degree celsius", "℃": "degree celsius",
    "° C": "degree celsius", "° F": "degree fahrenheit", "ºC": "degree celsius",
    "ºF": "degree fahrenheit", "°F": "degree fahrenheit", "℉": "degree fahrenheit",
    "°": "degree", "%": "percent", "sq ft": "square foot", "sq. ft.": "square foot",
    "sq km": "square kilometer", "sq mi": "square mile", "sqm": "square meter",
    "m²": "square meter", "km²": "square kilometer", "cm²": "square centimeter",
    "mm²": "square millimeter", "ft²": "square foot", "m³": "cubic meter",
    "cm³": "cubic centimeter", "ft³": "cubic foot", "km³": "cubic kilometer", "m2": "square meter",
    "km2": "square kilometer", "m3": "cubic meter", "cm3": "cubic centimeter", "ha": "hectare",
    "kcal": "kilocalorie", "cal": "calorie", "kJ": "kilojoule", "J": "joule", "kN": "kilonewton",
    "Nm": "newton meter", "px": "pixel", "MP": "megapixel", "tsp": "teaspoon",
    "tbsp": "tablespoon", "rpm": "revolution per minute", "fps": "frame per second",
    "FPS": "frame per second", "bpm": "beat per minute", "dpi": "dot per inch",
    "DPI": "dot per inch", "ppi": "pixel per inch", "ppm": "part per million",
    "ppb": "part per billion", "psi": "pound per square inch", "mpg": "mile per gallon",
    "ct": "carat", "kt": "knot", "kts": "knot", "in²": "square inch",
}  # fmt: skip
UNIT_PATTERN = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
CURRENCY = {
    "$": ("dollar", "cent"), "US$": ("`US` dollar", "cent"), "A$": ("australian dollar", "cent"),
    "AU$": ("australian dollar", "cent"), "C$": ("canadian dollar", "cent"),
    "CA$": ("canadian dollar", "cent"), "NZ$": ("new zealand dollar", "cent"),
    "HK$": ("hong kong dollar", "cent"), "S$": ("singapore dollar", "cent"),
    "NT$": ("taiwan dollar", "cent"), "R$": ("real", "centavo"), "€": ("euro", "cent"),
    "£": ("pound", "penny"), "¥": ("yen", ""), "₹": ("rupee", "paisa"), "Rs": ("rupee", "paisa"),
    "Rs.": ("rupee", "paisa"), "₩": ("won", ""), "₽": ("ruble", "kopeck"), "₺": ("lira", ""),
    "฿": ("baht", ""), "₫": ("dong", ""), "₱": ("peso", "centavo"), "₿": ("bitcoin", ""),
    "CN¥": ("yuan", "fen"), "USD": ("`US` dollar", "cent"), "EUR": ("euro", "cent"),
    "GBP": ("pound", "penny"), "RMB": ("yuan", "fen"), "CNY": ("yuan", "fen"), "JPY": ("yen", ""),
    "AUD": ("australian dollar", "cent"), "CAD": ("canadian dollar", "cent"),
    "HKD": ("hong kong dollar", "cent"), "CHF": ("swiss franc", "centime"),
    "INR": ("rupee", "paisa"), "KRW": ("won", ""), "BTC": ("bitcoin", ""),
}  # fmt: skip
CURRENCY_PATTERN = "|".join(re.escape(s) for s in sorted(CURRENCY, key=len, reverse=True))
_INVARIABLE = {"yen", "won", "yuan", "fen", "celsius", "fahrenheit", "hertz", "kilohertz", "baht",
               "megahertz", "gigahertz", "terahertz", "percent", "dong", "lira"}  # fmt: skip
_IRREGULAR = {"foot": "feet", "inch": "inches", "penny": "pence", "paisa": "paise"}


def pluralise(unit: str, one: bool) -> str:
    """A unit's name for an amount: "kilometer per hour" -> "kilometers per hour"."""
    head, separator, rest = unit.partition(" of " if " of " in unit else " per ")
    words = head.split()
    counted = 0 if words[0] == "degree" else -1
    if not one and words[counted] not in _INVARIABLE:
        words[counted] = _IRREGULAR.get(words[counted], words[counted] + "s")
    return " ".join(words) + separator + rest
