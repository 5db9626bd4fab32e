"""What a judge that reads instructions is sent: instructions, the marked material, and how to answer with one token."""
