"""Ordering: carts, prices, order intake, the order's life."""
