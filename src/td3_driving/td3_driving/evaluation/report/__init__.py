"""The page that tells people how an evaluation went; one file that needs no network."""
