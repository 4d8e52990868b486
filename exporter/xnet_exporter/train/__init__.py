"""Presets, networks and the training of the members (paper sections 2.1 to 2.4)."""
