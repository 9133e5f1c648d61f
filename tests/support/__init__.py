"""What tests share: corpora, stores on loopback that misbehave, machines, tasks that fail as told, readers of exports."""
