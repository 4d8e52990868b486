"""Bundles as package data; nothing to compute."""
