"""A listener that knows voices: trained alone, then asked whether converted speech is like B."""
