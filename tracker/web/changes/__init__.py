"""What changed: change sets, what each did, and taking it back."""
