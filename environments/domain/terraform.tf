terraform {
  required_version = ">= 1.11"

  # The bucket and its region come from backend.hcl (copy backend.example.hcl): terraform init -backend-config=backend.hcl.
  # Each workspace has its own state below env:/<workspace>/, locked by a file beside it.
  backend "s3" {
    key          = "domain.tfstate"
    encrypt      = true
    use_lockfile = true
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }
}
