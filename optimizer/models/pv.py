"""Photovoltaics: power of an array from irradiance and temperature, and the irradiance of a clear day.

P = P_peak (G / 1000) (1 + γ (T_cell − 25)) (1 − loss), at most the inverter's power; T_cell = T_air + G (NOCT − 20)
/ 800. P_peak in kW at 1000 W/m² and 25 °C, G in W/m², temperatures in °C. Sources: A. P. Dobos, PVWatts Version 5
Manual, NREL/TP-6A20-62641 (2014): model, γ = −0.0047 (standard module) and losses 14 %; the cell temperature by NOCT
as in R. G. Ross, 12th IEEE Photovoltaic Specialists Conference (1976), NOCT 45 °C assumed.

Clear sky: G = 1098 cos z exp(−0.057 / cos z) (B. Haurwitz, Journal of Meteorology 2, 1945); declination
23.45° sin(360° (284 + n) / 365) (P. I. Cooper, Solar Energy 12, 1969), hours in true solar time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class PvArray:
    """An array of `peak_kw` behind an inverter of `inverter_kw`; `curtailable` says whether it may be turned down."""

    id: str
    peak_kw: float
    inverter_kw: float = np.inf
    loss: float = 0.14
    per_degree: float = -0.0047
    noct_c: float = 45.0
    curtailable: bool = True

    def power_kw(self, irradiance_w_m2: FloatArray, air_c: FloatArray | float = 25.0) -> FloatArray:
        """Power at the meter."""
        cell_c = air_c + irradiance_w_m2 * (self.noct_c - 20.0) / 800.0
        raw = self.peak_kw * irradiance_w_m2 / 1000.0 * (1.0 + self.per_degree * (cell_c - 25.0))
        return np.asarray(np.clip(raw * (1.0 - self.loss), 0.0, self.inverter_kw))


def clear_sky_w_m2(latitude_deg: float, day_of_year: int, solar_hour: FloatArray) -> FloatArray:
    """Global horizontal irradiance without clouds."""
    declination = np.deg2rad(23.45) * np.sin(np.deg2rad(360.0 * (284 + day_of_year) / 365.0))
    latitude, angle = np.deg2rad(latitude_deg), np.deg2rad(15.0 * (solar_hour - 12.0))
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(angle)
    up = np.maximum(height, 1e-3)
    return np.where(height > 1e-3, 1098.0 * up * np.exp(-0.057 / up), 0.0)
