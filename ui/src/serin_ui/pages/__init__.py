"""Pages: from what the cluster says to HTML."""
