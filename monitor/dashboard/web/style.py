"""The style sheet: the rules in the files with the colours of `palette.py`, under a path of its content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from monitor.dashboard.web.palette import DARK, LIGHT, variables

SHEETS = ("dashboard.css", "map.css", "drivers.css")
SHEET = (
    f":root {{ color-scheme: light; {variables(LIGHT)} }}\n"
    f"body.body--dark, html.dark {{ color-scheme: dark; {variables(DARK)} }}\n"
    + f"@media (prefers-color-scheme: dark) {{ html.auto {{ {variables(DARK)} }} }}\n"
    + "".join((Path(__file__).parent / name).read_text(encoding="utf-8") for name in SHEETS)
)
STYLE_PATH = f"/assets/{hashlib.sha256(SHEET.encode()).hexdigest()[:16]}.css"
