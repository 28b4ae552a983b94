variable "account_id" {
  description = "Id of the account that the event bus is in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits."
  }
}

variable "description" {
  description = "What the subscription is for, shown on its rule."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.description) > 0 && length(var.description) <= 512
    error_message = "description must have 1 to 512 characters."
  }
}

variable "event_bus_name" {
  description = "Name of the event bus to listen to; \"default\" has the events of AWS services."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]{1,256}$", var.event_bus_name))
    error_message = "event_bus_name must be the name of an event bus, not its ARN."
  }
}

variable "event_pattern" {
  description = "EventBridge pattern, as JSON, of the events to act on."
  type        = string
  nullable    = false

  validation {
    condition     = can(keys(jsondecode(var.event_pattern)))
    error_message = "event_pattern must be a JSON object."
  }
}

variable "name" {
  description = "Name of the rule; its role, where the target needs one, is <name>-events, its queue <name>-dlq."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,57}$", var.name))
    error_message = "name must have 1 to 57 letters, digits, dashes or underscores: the role <name>-events has 64 at most."
  }
}

variable "target" {
  description = <<-EOT
    What happens with each event; exactly one of:
    * `api_destination`: sends it to an HTTPS endpoint; `arn`, and optionally `header_parameters`, `path_parameter_values` and `query_string_parameters`.
    * `event_bus`: puts it on another bus, also of another account, whose policy must allow it; `arn`.
    * `lambda`: invokes a function or, better, its alias; `arn`.
    * `sns`: publishes it to a topic; `arn`, and `kms_key_arn` when a customer managed key encrypts the topic.
    * `sqs`: sends it to a queue; `arn`, `kms_key_arn` when a customer managed key encrypts the queue, and `message_group_id` for a FIFO queue.
    * `step_functions`: starts a state machine; `arn`.
  EOT
  type = object({
    api_destination = optional(object({
      arn                     = string
      header_parameters       = optional(map(string), {})
      path_parameter_values   = optional(list(string), [])
      query_string_parameters = optional(map(string), {})
    }))
    event_bus = optional(object({
      arn = string
    }))
    lambda = optional(object({
      arn = string
    }))
    sns = optional(object({
      arn         = string
      kms_key_arn = optional(string)
    }))
    sqs = optional(object({
      arn              = string
      kms_key_arn      = optional(string)
      message_group_id = optional(string)
    }))
    step_functions = optional(object({
      arn = string
    }))
  })
  nullable = false

  validation {
    condition     = length([for kind, target in var.target : kind if target != null]) == 1
    error_message = "target must have exactly one of api_destination, event_bus, lambda, sns, sqs or step_functions."
  }

  validation {
    condition = alltrue([
      for kind, service in { api_destination = "events", event_bus = "events", lambda = "lambda", sns = "sns", sqs = "sqs", step_functions = "states" } :
      var.target[kind] == null ? true : can(regex("^arn:[^:*]+:${service}:[^:*]+:[0-9]{12}:[^*]+$", var.target[kind].arn))
    ])
    error_message = "target must name its resource by an ARN of the target's own service, without wildcards."
  }

  validation {
    condition     = var.target.sqs == null ? true : endswith(var.target.sqs.arn, ".fifo") == (var.target.sqs.message_group_id != null)
    error_message = "target.sqs.message_group_id must be set for a FIFO queue, and only there."
  }
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that hear about alarms."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[^:]+:sns:", arn))])
    error_message = "alarm_topic_arns must be ARNs of SNS topics (arn:<partition>:sns:…)."
  }
}

variable "input_path" {
  description = "JSONPath of the part of the event that the target gets, e.g. $.detail; null sends the whole event."
  type        = string
  default     = null

  validation {
    condition     = var.input_path == null ? true : startswith(var.input_path, "$.")
    error_message = "input_path must be a JSONPath that starts with \"$.\"."
  }
}

variable "input_transformer" {
  description = <<-EOT
    Builds what the target gets from parts of the event; null sends it as it is.
    * `input_paths`: {NAME => JSONPath of the value}.
    * `input_template`: the text, with <NAME> where the value goes.
  EOT
  type = object({
    input_paths    = optional(map(string), {})
    input_template = string
  })
  default = null

  validation {
    condition     = var.input_transformer == null || var.input_path == null
    error_message = "input_transformer and input_path exclude each other."
  }
}

variable "retry_policy" {
  description = <<-EOT
    How long EventBridge tries to deliver an event before it goes to the dead-letter queue:
    * `maximum_event_age_in_seconds`: 60 to 86400.
    * `maximum_retry_attempts`: 0 to 185.
  EOT
  type = object({
    maximum_event_age_in_seconds = optional(number, 86400)
    maximum_retry_attempts       = optional(number, 185)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.retry_policy.maximum_event_age_in_seconds >= 60 && var.retry_policy.maximum_event_age_in_seconds <= 86400
    error_message = "retry_policy.maximum_event_age_in_seconds must be between 60 and 86400."
  }

  validation {
    condition     = var.retry_policy.maximum_retry_attempts >= 0 && var.retry_policy.maximum_retry_attempts <= 185
    error_message = "retry_policy.maximum_retry_attempts must be between 0 and 185."
  }
}
