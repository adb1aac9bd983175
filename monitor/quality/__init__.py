"""Quality watch: what an operator's data are worth. Checks, scores, alarms (section 18)."""
