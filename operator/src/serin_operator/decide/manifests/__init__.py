"""What Serin writes into the cluster: each child object, whole, from the spec and the revision."""
