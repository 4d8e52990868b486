"""Step 3: the members, and the distances in their curves."""
