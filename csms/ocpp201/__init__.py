"""OCPP 2.0.1 to and from the neutral vocabulary: `TRANSLATOR`, or `Translator(zone)` for stations without a zone."""

from csms.ocpp201.translator import TRANSLATOR, Translator

__all__ = ["TRANSLATOR", "Translator"]
