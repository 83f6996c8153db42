"""Who may talk to the server, and that nobody listens in: TLS, API keys, tokens, and files that change."""
