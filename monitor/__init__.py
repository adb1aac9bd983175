"""The supervising side: receives operators' data, judges its quality, forecasts, advises, shows."""
