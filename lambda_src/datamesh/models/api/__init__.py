"""What the API takes and gives: docs/openapi.json and the portal's types are generated from these models.

Names are those of events and records. What is secret (task tokens, link signatures) has no field here at all.
"""
