"""Training small networks: their pace, one at a time on a processor, several at once on a card."""
