"""Readers of published dictionary families: each file of one family's layout, never executed."""
