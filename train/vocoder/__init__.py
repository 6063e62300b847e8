"""Training of vocoders: spectral losses first, then discriminators (HiFi-GAN's recipe, light)."""
