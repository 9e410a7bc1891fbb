"""Other tools that make dashboards, measured on the same work."""
