"""Tall matrices as chunks of rows, wherever these are."""
