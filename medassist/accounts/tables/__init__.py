"""The tables of allauth and axes, one migration each (docs/decisions/0023): `makemigrations` keeps them."""
