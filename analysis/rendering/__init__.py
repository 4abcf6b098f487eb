"""Tables, documents and figures to text, HTML, Markdown, Word and SVG."""
