"""Trained members to a bundle."""
