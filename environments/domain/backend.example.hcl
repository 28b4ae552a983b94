# Copy to backend.hcl. A bucket with versioning, in the central account or in one for tooling, for all states of the mesh.
bucket = "example-terraform-states"
region = "eu-west-1"
