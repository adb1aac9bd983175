"""What drivers may know: a section of the settings."""

from __future__ import annotations

from pathlib import Path

from csms.app.section import Section


class DriversSection(Section):
    """`enabled`: anybody may ask what is free and what it costs, and the dashboard has a page for drivers; how busy
    sites are is a secret of the trade, so it is told only where somebody wants it told. `intake_dir`: the folder of the
    intake that runs on this machine, whose operators' stations the page shows, too.
    """

    enabled: bool = False
    intake_dir: Path | None = None
