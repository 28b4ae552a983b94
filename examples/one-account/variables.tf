variable "account_id" {
  description = "Id of the account."
  type        = string
  nullable    = false
}

variable "lambda_package_path" {
  description = "The zip file that `make package` builds for arm64."
  type        = string
  nullable    = false
}

variable "analyst_role_arns" {
  description = "ARNs of the roles that read the domain's products."
  type        = list(string)
  default     = []
  nullable    = false
}
