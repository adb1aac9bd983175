"""What stands beside the cars at a site, each as a small model with its formula, units and source.

Powers kW, energies kWh (per slot where said), money in the currency of the tariff.
"""

from optimizer.models.availability import Availability
from optimizer.models.base_load import profile, resampled
from optimizer.models.flexible_load import FlexibleLoad
from optimizer.models.generator import Generator
from optimizer.models.pv import PvArray
from optimizer.models.scenarios import ScenarioSet
from optimizer.models.storage import Storage
from optimizer.models.tariff import Tariff
from optimizer.models.vehicle import V2gSession

__all__ = [
    "Availability",
    "FlexibleLoad",
    "Generator",
    "PvArray",
    "ScenarioSet",
    "Storage",
    "Tariff",
    "V2gSession",
    "profile",
    "resampled",
]
