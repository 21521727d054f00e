"""The web page and the JSON endpoint over `qa`."""
