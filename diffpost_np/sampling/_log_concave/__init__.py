"""What `log_concave` stands on: the mode, the runs from there, and a look at its bounds."""
