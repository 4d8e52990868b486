"""How good a bundle is, on spectra that it has not seen."""
