"""Search: what the index holds of a product. The index itself is a gateway (`aws.search_file`, `aws.search_server`)."""
