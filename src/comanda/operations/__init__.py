"""The operators' room: the lanes at work, what is stuck in them, and the numbers for Prometheus."""
