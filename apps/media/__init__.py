"""Pictures for teaching: asked for by topic, drawn by ComfyUI, labelled as made by a machine."""
