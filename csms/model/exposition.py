"""Figures in the text form that Prometheus reads (0.0.4). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Series = Iterable[tuple[Mapping[str, str], float]]


def metric(name: str, kind: str, about: str, series: Series) -> str:
    """One metric with all its series."""
    lines = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{_labels(labels)} {value:.15g}" for labels, value in series]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    listed = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{listed}}}" if listed else ""


def _escaped(value: str) -> str:
    return re.sub(r'[\\"\n]', lambda sign: {"\\": "\\\\", '"': '\\"', "\n": "\\n"}[sign[0]], value)
