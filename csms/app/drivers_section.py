"""What drivers may know: a section of the settings."""

from __future__ import annotations

from csms.app.section import Section


class DriversSection(Section):
    """`enabled`: anybody may ask what is free and what it costs, and the dashboard has a page for drivers; how busy
    sites are is a secret of the trade, so it is told only where somebody wants it told. `partners`: the page shows
    the stations of all operators that report to the platform on this machine (`dashboard.platform_dir`), too.
    """

    enabled: bool = False
    partners: bool = False
