"""Negotiations: who asks, who answers, what is said, and the channel between them."""
