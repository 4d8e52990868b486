"""Spectra of clusters by FEFF10, resumable, in parallel (extra ``[simulate]``)."""
