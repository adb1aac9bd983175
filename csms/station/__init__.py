"""What the central system does for one station, a file per OCPP functional block. Versions are unknown here."""
