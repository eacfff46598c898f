"""Promotions: coupons and their redemptions."""
