"""What the scan keeps of every latent: each file one accumulator, fed block by block."""
