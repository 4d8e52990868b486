"""Step 2: a spectrum as read to the input of the network."""
