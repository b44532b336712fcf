"""Tables that the package ships: fitted priors."""
