"""Fit the intervals and the domain of a bundle (paper section 2.4)."""
