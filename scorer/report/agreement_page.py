def render_agreement(d): return ""
