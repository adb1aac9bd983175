"""Scores of operators: indicators, groups, published weights, rank intervals, and what would lift an operator most."""
