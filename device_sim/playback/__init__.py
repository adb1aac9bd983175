"""Says again what a station said once: the station's side of exported frames against any central system."""
