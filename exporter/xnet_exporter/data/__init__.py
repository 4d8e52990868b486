"""Training sets, the descriptor and measured references."""
