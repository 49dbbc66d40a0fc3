#!/bin/sh
# One word says what this container is. Secrets come as files (NAME_FILE); nothing here reads them.
set -eu
role=${1:-web}
[ $# -eq 0 ] || shift
case "$role" in
web)
    # As many connections as threads: no thread waits for another's.
    threads=${WEB_THREADS:-16}
    export DATABASE_POOL_SIZE="${DATABASE_POOL_SIZE:-$threads}"
    exec gunicorn medassist.wsgi:application --bind 0.0.0.0:8000 --worker-class gthread \
        --workers "${WEB_PROCESSES:-1}" --threads "$threads" --timeout 60 --graceful-timeout 20 \
        --worker-tmp-dir /dev/shm --no-control-socket "$@"
    ;;
events)
    exec python -m medassist.events --host 0.0.0.0 --port 8001 "$@"
    ;;
backbone)
    exec python -m medassist.llm.reference --host 0.0.0.0 --port 8002 "$@"
    ;;
comfyui-stub)
    exec python -m medassist.comfyui --host 0.0.0.0 --port 8188 "$@"
    ;;
worker)
    queue=${1:?worker needs a queue, for example: worker llm}
    shift
    threads=${WORKER_THREADS:-8}
    export DATABASE_POOL_SIZE="${DATABASE_POOL_SIZE:-$threads}" REMAP_SIGTERM=SIGQUIT
    exec celery -A medassist.celery worker -Q "$queue" -P threads -c "$threads" -n "$queue@%h" \
        --without-gossip --without-mingle --without-heartbeat --loglevel INFO "$@"
    ;;
beat)
    exec python manage.py beat "$@"
    ;;
manage)
    exec python manage.py "$@"
    ;;
*)
    echo "entrypoint: '$role' is none of web, events, backbone, comfyui-stub, worker, beat, manage" >&2
    exit 64
    ;;
esac
