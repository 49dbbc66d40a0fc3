#!/bin/sh
# Runs once, on an empty volume: the application's role, which is no superuser, and its database.
set -eu
psql --set=ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
\set password `cat /run/medassist/database_password`
CREATE ROLE medassist LOGIN NOSUPERUSER CREATEDB CREATEROLE PASSWORD :'password';
CREATE DATABASE medassist OWNER medassist;
SQL
