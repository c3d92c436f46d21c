"""The real parts that the tests put around roomtape: a LiveKit server, publishers, a judge."""
