"""What `log_concave` stands on: the mode, and a look at whether its bounds hold."""
