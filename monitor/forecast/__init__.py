"""Forecasts of load that check themselves: champions and challengers, intervals, drift and correction."""
