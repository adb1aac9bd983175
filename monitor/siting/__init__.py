"""Where the next charging site should stand: cells, demand, the value of a site, its size, the choice, the report."""
