"""What people are told: status, conditions, events."""
