"""Demand response: events from their invitation to their settlement."""
