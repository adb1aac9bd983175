"""Facts of charging from every source, judged by physics: rules, lineage, repairs, quarantine."""
