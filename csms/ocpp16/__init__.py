"""OCPP 1.6J to and from the neutral vocabulary: `TRANSLATOR`, or `Translator(zone)` for stations without a zone."""

from csms.ocpp16.translator import TRANSLATOR, Translator

__all__ = ["TRANSLATOR", "Translator"]
