"""A page for everybody: the fleet, and each model, as the person who looks may see them."""
