"""Rules of charging physics (Q01 to Q18), deterministic ones first; robust statistics (R01 to R03) second."""
