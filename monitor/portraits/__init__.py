"""Portraits of users, vehicles and piles: what is known of each, how firmly, and which groups there are."""
