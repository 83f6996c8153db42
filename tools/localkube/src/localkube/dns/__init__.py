"""The cluster's DNS server: what CoreDNS would answer for Services and pods, in a few lines of Python a node."""
