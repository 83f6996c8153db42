"""What the spec asks for, with every default applied: settings, stages, and the revision that it stands for."""
