"""What happened, as facts and dimensions; the figures that each audience asks for."""
