"""What moves a rollout, and why it waits: stages, states, and the one function that goes from one to the next."""
