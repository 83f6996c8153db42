"""The page that ``kubectl serin report`` writes."""
