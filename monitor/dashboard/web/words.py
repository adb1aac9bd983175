"""Words that several pages need: names of layers in pictures, headings of alarms."""

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


def alert_words(text: Text, alert: Json) -> str:
    """What an alert is about; one that is not known here by its stable name."""
    key = f"web.alert.{alert['kind']}"
    return text(key) if key in entries() else str(alert["kind"]).replace("_", " ")
