"""Simulated charging stations: physics of piles and cars, OCPP 1.6 and 2.0.1 clients, faults, fleets, replay."""
