"""The style sheet: the rules in `dashboard.css` with the colours of `palette.py`, under a path of its content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from monitor.dashboard.web.palette import DARK, LIGHT, variables

SHEET = (
    f":root {{ color-scheme: light; {variables(LIGHT)} }}\n"
    f"body.body--dark, html.dark {{ color-scheme: dark; {variables(DARK)} }}\n"
    + Path(__file__).with_name("dashboard.css").read_text(encoding="utf-8")
)
STYLE_PATH = f"/assets/{hashlib.sha256(SHEET.encode()).hexdigest()[:16]}.css"
