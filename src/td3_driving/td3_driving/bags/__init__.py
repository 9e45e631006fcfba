"""Drives kept in bags: recorded, read, driven again by a policy, and learned from."""
