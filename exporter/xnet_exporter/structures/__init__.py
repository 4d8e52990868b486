"""Clusters around an absorber: from minerals, substitution, ligands, from files (``[simulate]``)."""
