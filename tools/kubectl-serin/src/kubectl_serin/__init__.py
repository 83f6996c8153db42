"""`kubectl serin`: what people see of ModelDeployments, and how they steer them, by way of kubectl."""
