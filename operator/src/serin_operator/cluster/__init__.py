"""What reading and writing share: the connection to the API server, its errors, and the store that watches fill."""
