"""OCPP 2.1 to and from the neutral vocabulary: what it adds to 2.0.1 and where it differs; all else is 2.0.1's."""

from csms.ocpp21.translator import TRANSLATOR, translator

__all__ = ["TRANSLATOR", "translator"]
