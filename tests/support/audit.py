"""Known weaknesses of what a release is installed with: `python -m tests.support.audit` (pip-audit, constraints.txt).

Exit code 1 for a weakness. Where no service that knows them can be reached it says so and ends well: a build without a
network has nothing to judge by.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ["-m", "pip_audit", "--requirement", "constraints.txt", "--no-deps", "--disable-pip", "--format", "json"]
SERVICES = ("pypi", "osv")
TIMEOUT_S = 180.0


def main() -> int:
    """Ask the services one after the other until one knows anything."""
    for service in SERVICES:
        told = ask(service)
        if told is not None:
            sys.stdout.write(verdict(told) + "\n")
            return 1 if weak(told) else 0
    sys.stdout.write("no service that knows vulnerabilities can be reached from here: nothing was judged\n")
    return 0


def ask(service: str) -> list[dict[str, Any]] | None:
    """What it says of each package; None when it says nothing of any."""
    command = [sys.executable, *COMMAND, "--progress-spinner", "off", "--vulnerability-service", service]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        packages = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return None
    judged = [package for package in packages if "skip_reason" not in package]
    return judged or None


def weak(packages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those with a known weakness."""
    return [package for package in packages if package.get("vulns")]


def verdict(packages: list[dict[str, Any]]) -> str:
    """For people."""
    lines = [
        f"{package['name']} {package['version']}: {vuln['id']}, fixed in {', '.join(vuln['fix_versions']) or '-'}"
        for package in weak(packages)
        for vuln in package["vulns"]
    ]
    return "\n".join([*lines, f"{len(packages)} packages judged, {len(lines)} known weaknesses"])


if __name__ == "__main__":
    sys.exit(main())
