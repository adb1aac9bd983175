"""Words that several pages need: names of layers in pictures, words for the stable codes that the server tells."""

from __future__ import annotations

from csms.texts import Text, entries
from monitor.dashboard.history import Json
from monitor.dashboard.web.charts import Words


def layers(text: Text) -> Words:
    """Names of the layers of load pictures."""
    return {name: text(f"live.legend.{name}") for name in ("base", "charging", "cap", "bound", "plan", "storage")} | {
        "soc": text("web.soc"),
        "forecast": text("web.overview.forecast"),
        "unmanaged": text("web.overview.unmanaged"),
    }


def said(text: Text, family: str, code: str) -> str:
    """A code in words, as in the catalogue below `code.<family>`; one that is not there, as it is."""
    key = f"code.{family}.{code.replace(' ', '_')}"
    return text(key) if key in entries() else code.replace("_", " ")


def alert_words(text: Text, alert: Json) -> str:
    """What an alert is about; one that is not known here by its stable name."""
    key = f"alert.kind.{alert['kind']}"
    return text(key) if key in entries() else str(alert["kind"]).replace("_", " ")
