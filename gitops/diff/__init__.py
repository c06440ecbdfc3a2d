"""What renders differently: objects compared, summed up and shown."""
