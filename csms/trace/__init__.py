"""What stations and this server said to each other: kept in files for some days, secrets taken out (decisions/0007)."""
