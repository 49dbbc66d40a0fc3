"""A stand-in for ComfyUI: its HTTP and websocket protocol, drawings by arithmetic. It is no image model."""
