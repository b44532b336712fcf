"""Draws of rows, and fits to the labels of those that were drawn."""
