"""The API behind the portal: one module of routes per subject, answered by four functions."""
