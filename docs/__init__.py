"""Pages for readers, and the script that writes the one that is generated."""
