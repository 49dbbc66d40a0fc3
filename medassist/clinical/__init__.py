"""The shared vocabulary: pure pydantic, no Django, no network; used by every room and by training/."""
