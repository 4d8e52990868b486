"""Step 5: tables, JSON, CSV and figures."""
