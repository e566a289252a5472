"""Transactive control: prices and bonuses move agents that know their own devices best."""
