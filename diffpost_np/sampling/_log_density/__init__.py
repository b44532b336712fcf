"""The probability flow from data to noise, and what it does to log densities on its way up."""
