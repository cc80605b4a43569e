"""Supply across departments: templates out, figures back in, and never a single case."""
