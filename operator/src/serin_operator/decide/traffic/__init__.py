"""Where requests go: traffic as a value, and the providers that make it true."""
