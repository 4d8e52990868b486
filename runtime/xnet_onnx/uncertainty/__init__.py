"""Step 4: intervals, the domain, and the verdict."""
