"""How a run proceeds: the plan, the job and its steps, the events it tells, the log it keeps."""
