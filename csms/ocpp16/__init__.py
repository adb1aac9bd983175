"""OCPP 1.6J to and from the neutral vocabulary: `TRANSLATOR`, or `translator(zone)` for stations without a zone."""

from csms.ocpp16.translator import TRANSLATOR, translator

__all__ = ["TRANSLATOR", "translator"]
