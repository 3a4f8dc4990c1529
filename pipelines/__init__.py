"""What makes media: pipelines over one flow-matching backbone and one inversion engine. Never imports gradio."""
