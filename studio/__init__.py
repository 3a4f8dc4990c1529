"""What a person sees and keeps: pages, controls, results and files. Imports pipelines, never the reverse."""
