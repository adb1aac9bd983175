"""OCPP 2.0.1 to and from the neutral vocabulary: `TRANSLATOR`, or `translator(zone)` for stations without a zone."""

from csms.ocpp201.translator import TRANSLATOR, translator

__all__ = ["TRANSLATOR", "translator"]
