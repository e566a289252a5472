"""What a foreign model exchanges, in gridloom's signals: names, units, signs, places."""
