"""Files in and out: reading what people send, finding what it means, writing it as one change set; exports."""
