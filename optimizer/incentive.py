"""What to offer drivers for letting their charging be moved: elastic response, and the offer that pays best.

Assumed, not measured: the share of drivers who take part rises linearly with what a kWh moved saves them, up to a
largest share: share(i) = min(most, elasticity · (spread + i) / reference). `spread` is what the time-of-use tariff
already saves per kWh moved, `i` the incentive on top. The operator earns reward − i per kWh moved; with a linear
response its best offer is known in closed form, i* = (reward − spread) / 2, moved into the limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Response:
    """`elasticity`: share that takes part when a kWh saves the `reference` price; `most`: largest share."""

    elasticity: float
    reference: float
    most: float = 1.0

    def __post_init__(self) -> None:
        """Raises ValueError unless all are positive and the largest share at most 1."""
        if not (self.elasticity > 0 and self.reference > 0 and 0 < self.most <= 1):
            raise ValueError("response: elasticity and reference above 0 and a largest share in (0, 1] expected")

    def share(self, saving: FloatArray | float) -> FloatArray:
        """Who takes part when a kWh moved saves so much."""
        return np.asarray(np.clip(self.elasticity * np.asarray(saving) / self.reference, 0.0, self.most))

    def saving_for(self, share: float) -> float:
        """What a kWh must save for that share."""
        return share * self.reference / self.elasticity


@dataclass(frozen=True, slots=True)
class Design:
    """The incentive per kWh moved, who takes part, the energy moved, what the operator keeps and the drivers get."""

    incentive: float
    share: float
    energy_kwh: float
    operator_gain: float
    driver_gain: float


def best_incentive(movable_kwh: float, reward: float, spread: float, response: Response) -> Design:
    """The offer with which the operator keeps most: `reward` per kWh moved (the response's price and what the site
    saves), `movable_kwh` if all took part. Never below 0, never more than it takes for the largest share.
    """
    enough = response.saving_for(response.most) - spread
    return designed((reward - spread) / 2.0 if enough > 0 else 0.0, movable_kwh, reward, spread, response, enough)


def designed(
    incentive: float, movable_kwh: float, reward: float, spread: float, response: Response, enough: float = np.inf
) -> Design:
    """What comes of an offer, cut to [0, enough]."""
    offer = max(min(incentive, enough), 0.0)
    share = float(response.share(spread + offer))
    energy = share * movable_kwh
    return Design(offer, share, energy, (reward - offer) * energy, (spread + offer) * energy)


def for_target(target_kwh: float, movable_kwh: float, reward: float, spread: float, response: Response) -> Design:
    """The least offer with which `target_kwh` are moved, or as much as can be."""
    share = min(target_kwh / movable_kwh if movable_kwh > 0 else response.most, response.most)
    return designed(response.saving_for(share) - spread, movable_kwh, reward, spread, response)


def moved_by_tariff(energy_kwh: FloatArray, price: FloatArray, response: Response) -> FloatArray:
    """Energies per slot [T] after drivers have answered a time-of-use price [T] by themselves: of every slot's energy
    the share that its distance from the cheapest price moves goes to the cheapest slots, in proportion to what they
    have.
    """
    cheapest = price <= price.min() + 1e-12
    leaving = energy_kwh * response.share(price - price.min())
    into = np.where(cheapest, energy_kwh, 0.0)
    into = np.where(cheapest, 1.0, 0.0) if into.sum() == 0 else into
    return np.asarray(energy_kwh - leaving + leaving.sum() * into / into.sum())
