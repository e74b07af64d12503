"""With which parts: settings, composition, telemetry, the embedded stack and its commands."""
