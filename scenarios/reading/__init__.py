"""From the text of a scenario file to a checked scenario: trees with places, merging, problems."""
