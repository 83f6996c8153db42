"""What ails pods, and whether a version serves."""
