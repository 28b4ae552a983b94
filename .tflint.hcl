# `tflint --recursive` in the repository's root. The rules below come with tflint itself.
# The ruleset for AWS (github.com/terraform-linters/tflint-ruleset-aws) has to be downloaded, so it is not asked for
# here; the provider checks the same arguments when tests/plan plans every module.
config {
  call_module_type = "local"
}

plugin "terraform" {
  enabled = true
  preset  = "all"
}

# Names of blocks: snake_case; locals may start with _, which keeps them to the block that they are declared in.
rule "terraform_naming_convention" {
  enabled = true
  format  = "snake_case"

  locals {
    custom = "^_?[a-z][a-z0-9]*(_[a-z0-9]+)*$"
  }
}

# Files are named after their topic, and variables.tf and outputs.tf hold what they say: tests/conventions.
rule "terraform_standard_module_structure" {
  enabled = false
}
