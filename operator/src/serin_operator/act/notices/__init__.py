"""Notices on their way to people: rendered for a kind of receiver, signed, sent, and tried again until they are taken."""
