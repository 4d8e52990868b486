"""The trained members and what the runtime must know about them."""
