"""Words that several pages need: names of layers in pictures, words for the stable codes that the server tells."""

from __future__ import annotations

from csms.texts import Text, coded
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
    """A code in words, as in the catalogue below `code.<family>`."""
    return coded(text, f"code.{family}", code)


def alert_words(text: Text, alert: Json) -> str:
    """What an alert is about; one that is not known here by its stable name."""
    return coded(text, "alert.kind", str(alert["kind"]))
