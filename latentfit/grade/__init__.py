"""Mark hand-ins."""
